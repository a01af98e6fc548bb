// Search in texts, whatever the case and without regard to accents: rows that have all the words.

const MOST_CHIPS = 10;
const PAUSE = 120; // milliseconds without a key before it is looked for

let folded = null; // all texts as one string, and where each begins

const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

function foldedTexts() {
  if (folded) return folded;
  const { textOf, n } = state.scene;
  const starts = new Int32Array(n + 1);
  const parts = [];
  let length = 0;
  for (let row = 0; row < n; row++) {
    starts[row] = length;
    const part = fold(textOf[row]);
    parts.push(part);
    length += part.length + 1;
  }
  starts[n] = length;
  folded = { whole: parts.join("\0"), starts };
  return folded;
}

function rowsWith(word) {
  const { whole: text, starts } = foldedTexts();
  const found = new Uint8Array(state.scene.n);
  let row = 0;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, starts[row + 1])) {
    let [low, high] = [row, state.scene.n - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= at) low = middle;
      else high = middle - 1;
    }
    row = low;
    found[row] = 1;
    if (row + 1 >= state.scene.n) break;
  }
  return found;
}

function hitsOf(query) {
  const { n, ids, texts, textOf } = state.scene;
  const hits = new Uint8Array(n);
  if (texts.there && textOf) {
    const words = fold(query).split(/\s+/).filter(Boolean);
    hits.fill(1);
    for (const word of words) {
      const found = rowsWith(word);
      for (let row = 0; row < n; row++) hits[row] &= found[row];
    }
  }
  const id = ids instanceof Float64Array ? (/^-?\d+$/.test(query.trim()) ? Number(query) : NaN) : query.trim();
  for (let row = 0; ids && row < n; row++) if (ids[row] === id) hits[row] = 1;
  return hits;
}

// A text with what was searched for marked; of a long one the part where the first of it is.
function marked(text, most) {
  const words = fold(state.query).split(/\s+/).filter(Boolean);
  let plain = "";
  const places = []; // of each character of the folded text the one that it comes from
  for (let at = 0; at < text.length && at < 20_000; ) {
    const character = String.fromCodePoint(text.codePointAt(at));
    const part = fold(character);
    for (let each = 0; each < part.length; each++) places.push(at);
    plain += part;
    at += character.length;
  }
  places.push(Math.min(text.length, 20_000));
  const found = [];
  for (const word of words) {
    for (let at = plain.indexOf(word), n = 0; at >= 0 && n < 20; at = plain.indexOf(word, at + word.length), n++) {
      found.push([places[at], places[at + word.length]]); // accents that follow are its own
    }
  }
  found.sort((one, other) => one[0] - other[0]);
  let from = found.length && found[0][0] > 120 ? text.lastIndexOf(" ", found[0][0] - 40) + 1 : 0;
  if (from < found[0]?.[0] - 80) from = found[0][0];
  const parts = [from > 0 ? "…" : ""];
  const until = Math.min(text.length, from + most);
  let at = from;
  for (const [begin, end] of found) {
    if (begin < at || end > until) continue;
    parts.push(text.slice(at, begin), make("mark", {}, text.slice(begin, end)));
    at = end;
  }
  parts.push(text.slice(at, until), until < text.length ? "…" : "");
  return make("bdi", {}, ...parts.filter(Boolean));
}

function search(query) {
  const begun = performance.now();
  state.query = query.trim();
  state.hits = state.query ? hitsOf(state.query) : null;
  state.nHits = 0;
  if (state.hits) for (const hit of state.hits) state.nHits += hit;
  if (state.hits && state.selected !== null) state.selected = null;
  byId("find").dataset.ms = (performance.now() - begun).toFixed(1);
  const said = state.hits ? (state.nHits === 1 ? "1 hit" : `${whole(state.nHits)} hits`) : "";
  byId("hits").textContent = said;
  emit("hits");
  emit("select", "search");
}

function startSearch() {
  const { texts } = state.scene;
  const name = texts.there ? "Search the texts" : "Find an id";
  let timer = 0;
  const input = make("input", {
    id: "query", type: "search", placeholder: name, "aria-label": name, autocomplete: "off", spellcheck: "false",
    "aria-describedby": "hits",
  });
  const now = () => {
    clearTimeout(timer);
    if (input.value.trim() !== state.query) search(input.value);
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(now, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      now();
      if (state.nHits) document.querySelector("#panel button.row")?.click();
    } else if (event.key === "Escape" && input.value) {
      event.stopPropagation();
      input.value = "";
      now();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      now();
      document.querySelector("#panel .list button")?.focus();
    }
  });
  byId("find").append(input, make("p", { id: "hits", class: "quiet", role: "status" }));
  if (texts.cut) byId("find").append(make("p", { id: "cut", class: "quiet" }, `Of each text the first ${whole(texts.cut)} characters are here.`));
}

// Hits, those of clusters with most of them first; and how many each cluster has.
function hitsPanel() {
  const { scene, hits, nHits } = state;
  if (!nHits) return [make("p", { class: "nothing" }, "Nothing has all of these words.")];
  const counts = new Map();
  const rows = new Int32Array(nHits);
  let at = 0;
  for (let row = 0; row < scene.n; row++) {
    if (!hits[row]) continue;
    rows[at++] = row;
    counts.set(scene.owner[row], (counts.get(scene.owner[row]) ?? 0) + 1);
  }
  const weight = (index) => (index === NOISE ? 0 : counts.get(index));
  const byHits = (a, b) => weight(b) - weight(a) || a - b;
  rows.sort((one, other) => {
    const [a, b] = [scene.owner[one], scene.owner[other]];
    return a === b ? scene.depth[other] - scene.depth[one] || one - other : byHits(a, b);
  });
  const indices = [...counts.keys()].sort(byHits).filter((index) => index !== NOISE);
  const shown = [...indices.slice(0, MOST_CHIPS), ...(counts.has(NOISE) ? [NOISE] : [])];
  const chips = shown.map((index) => make("li", {}, make(
    "button",
    { type: "button", class: "chip", onclick: () => select(index, "list") },
    ...labelled(index), make("span", { class: "quiet" }, whole(counts.get(index))),
  )));
  const left = indices.length - MOST_CHIPS;
  return [
    make("h2", {}, "Where the hits are"),
    make("ul", { class: "chips" }, ...chips),
    left > 0 ? make("p", { class: "quiet" }, `and ${whole(left)} more with fewer`) : null,
    make("h2", {}, "Hits"),
    growingList(rows.length, (each) => rowItem(rows[each], { showsCluster: true }), { "aria-label": "Hits" }),
  ];
}
