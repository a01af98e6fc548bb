// Rows as people read them, and lists of them that grow while one scrolls.

const PIECE = 50;

function textOfRow(row, most = Infinity) {
  const { textOf, texts } = state.scene;
  if (!texts.there) return `row ${idOf(row)}`;
  if (!textOf) return "…";
  const text = textOf[row];
  if (text === "\x01") return `(no text) ${idOf(row)}`;
  if (text.trim() === "") return "(an empty text)";
  return text.length <= most ? text : `${[...text.slice(0, most)].slice(0, -1).join("")}…`;
}

const idOf = (row) => (state.scene.ids ? String(state.scene.ids[row]) : "…");

function factsOfRow(row) {
  const { owner, depth } = state.scene;
  const value = (depth[row] / 255).toFixed(2);
  const id = state.scene.texts.there ? ` · id ${idOf(row)}` : "";
  return owner[row] === NOISE ? `outlier score ${value}${id}` : `probability ${value}${id}`;
}

// A list item that points its row out on the map.
function rowItem(row, { showsCluster = false } = {}) {
  const isMarked = state.hits && state.hits[row] && state.scene.texts.there;
  const button = make(
    "button",
    { type: "button", class: "row", "data-row": row, onclick: () => goToRow(row) },
    make("span", { class: "text" }, isMarked ? marked(textOfRow(row), 400) : foreign(textOfRow(row, 400))),
    make("span", { class: "quiet" }, ...(showsCluster ? [...labelled(state.scene.owner[row]), " · "] : []), factsOfRow(row)),
  );
  if (row === state.row) button.setAttribute("aria-current", "true");
  return make("li", {}, button);
}

function goToRow(row) {
  pointOut(row);
  if (!state.scene.hasMap) return;
  showView("map");
  if (mapParts.box.getBoundingClientRect().bottom < 80) mapParts.box.scrollIntoView(); // a narrow screen scrolls as a whole
  showRow(row);
}

on("row", () => {
  for (const button of document.querySelectorAll("button.row[aria-current]")) button.removeAttribute("aria-current");
  if (state.row === null) return;
  for (const button of document.querySelectorAll(`button.row[data-row="${state.row}"]`)) {
    button.setAttribute("aria-current", "true");
  }
});

// A list of many items: those that are near to what is seen are made, and more as one comes to them.
function growingList(count, itemAt, attributes = {}) {
  const list = make("ul", { class: "list", ...attributes });
  let made = 0;
  const grow = () => {
    const until = Math.min(count, made + PIECE);
    const items = [];
    for (; made < until; made++) items.push(itemAt(made));
    list.append(...items);
  };
  grow();
  if (made >= count) return list;
  const more = make("button", { type: "button", class: "more", onclick: () => growMore(true) });
  const growMore = (byHand) => {
    const first = made;
    grow();
    more.textContent = moreText();
    if (made >= count) {
      watcher.disconnect();
      more.remove();
    }
    if (byHand) list.children[first]?.querySelector("button")?.focus();
  };
  const moreText = () => `Show more (${whole(count - made)} left)`;
  more.textContent = moreText();
  const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && growMore(false), {
    root: getComputedStyle(byId("panel")).overflowY === "auto" ? byId("panel") : null,
    rootMargin: "200px",
  });
  watcher.observe(more);
  return make("div", {}, list, more);
}

// Rows of a piece by falling depth.
function byDepth(start, count) {
  const { depth } = state.scene;
  const counts = new Int32Array(257);
  for (let row = start; row < start + count; row++) counts[256 - depth[row]]++;
  for (let at = 1; at < 257; at++) counts[at] += counts[at - 1];
  const rows = new Int32Array(count);
  const next = counts;
  for (let row = start; row < start + count; row++) rows[next[255 - depth[row]]++] = row;
  return rows;
}
