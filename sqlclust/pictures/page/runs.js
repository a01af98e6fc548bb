// Runs as rows of coloured cells, a cell for each step; and how often one cluster follows another.

const CELL = { height: 16, gap: 3, most: 18, least: 2, top: 20 };
const WIDEST = 16_000; // pixels of the device that a canvas has in every browser
const runs = { canvas: null, tip: null, width: 1, left: 0, cursor: null, low: 0, high: 0, column: null };

// Steps stand in the columns of their numbers; if these have great gaps, or more digits than numbers have here, one after the other.
function measureRuns() {
  const { runNumbers, runs: { starts, ids } } = state.scene;
  let [low, high, longest] = [Infinity, -Infinity, 1];
  for (const number of runNumbers) {
    if (number < low) low = number;
    if (number > high) high = number;
  }
  for (let run = 0; run < ids.length; run++) longest = Math.max(longest, starts[run + 1] - starts[run]);
  const isSparse = high - low > 4 * longest + 50 || high > Number.MAX_SAFE_INTEGER;
  runs.column = Float64Array.from(runNumbers);
  if (isSparse) {
    for (let run = 0; run < ids.length; run++) {
      for (let step = starts[run]; step < starts[run + 1]; step++) runs.column[step] = step - starts[run] + 1;
    }
    [low, high] = [1, longest];
  }
  if (low > high) [low, high] = [0, 0];
  Object.assign(runs, { low, high, isSparse });
}

function sizeRuns() {
  const room = byId("runs").clientWidth;
  const context = runs.canvas.getContext("2d");
  context.font = `12px ${FONT}`;
  const longest = Math.max(...state.scene.runs.ids.slice(0, 400).map((id) => context.measureText(clipped(id)).width), 20);
  runs.left = Math.ceil(longest) + 12;
  const steps = runs.high - runs.low + 1;
  const widest = WIDEST / Math.min(window.devicePixelRatio || 1, 3) - runs.left - 4;
  runs.width = Math.min(CELL.most, Math.max(CELL.least, Math.floor((room - runs.left - 4) / steps)), widest / steps);
  runs.canvas.style.width = `${Math.ceil(runs.left + steps * runs.width + 4)}px`;
  runs.canvas.style.height = `${CELL.top + state.scene.runs.ids.length * (CELL.height + CELL.gap) + 2}px`;
}

const clipped = (id) => (id.length > 18 ? `${id.slice(0, 17)}…` : id);
const runY = (run) => CELL.top + run * (CELL.height + CELL.gap);
const stepX = (step) => runs.left + (runs.column[step] - runs.low) * runs.width;

function paintRuns() {
  if (state.view !== "runs") return;
  sizeRuns();
  const { scene } = state;
  const [width, height, ratio] = fitCanvas(runs.canvas);
  const context = runs.canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `12px ${FONT}`;
  context.textBaseline = "middle";
  context.fillStyle = css(mix(ink().ground, ink().text, 0.7));
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000].find((each) => each * runs.width >= 40) ?? 10000;
  for (let number = Math.ceil(runs.low / every) * every; number <= runs.high; number += every) {
    context.fillText(String(number), runs.left + (number - runs.low) * runs.width, 8);
  }
  const gap = runs.width > 5 ? 1 : 0;
  scene.runs.ids.forEach((id, run) => {
    context.fillStyle = css(mix(ink().ground, ink().text, 0.7));
    context.fillText(clipped(id), 0, runY(run) + CELL.height / 2);
    for (let step = scene.runs.starts[run]; step < scene.runs.starts[run + 1]; step++) {
      const index = scene.owner[scene.runRows[step]];
      const isDimmed = state.selected !== null && index !== state.selected;
      context.fillStyle = css(isDimmed ? mix(ink().ground, rgbOf(index), 0.25) : rgbOf(index));
      context.fillRect(stepX(step), runY(run), runs.width - gap, CELL.height);
    }
  });
  if (runs.cursor !== null) {
    const [run, step] = runs.cursor;
    context.strokeStyle = css(ink().text);
    context.lineWidth = 2;
    context.strokeRect(stepX(step) - 1, runY(run) - 1, runs.width - gap + 2, CELL.height + 2);
  }
}

const repaintRuns = nextFrame(paintRuns);

// [run, step] at a place, or null.
function stepAt(x, y) {
  const { starts } = state.scene.runs;
  const run = Math.floor((y - CELL.top) / (CELL.height + CELL.gap));
  if (run < 0 || run >= state.scene.runs.ids.length || x < runs.left) return null;
  const column = runs.low + (x - runs.left) / runs.width;
  for (let step = starts[run]; step < starts[run + 1]; step++) {
    if (column >= runs.column[step] && column < runs.column[step] + 1) return [run, step];
  }
  return null;
}

function pointRuns(found, x, y) {
  runs.cursor = found;
  repaintRuns();
  runs.tip.hidden = found === null;
  if (!found) return;
  const [run, step] = found;
  const row = state.scene.runRows[step];
  runs.tip.replaceChildren(
    make("p", { class: "text" }, foreign(textOfRow(row, 280))),
    make("p", { class: "quiet" }, ...labelled(state.scene.owner[row])),
    make("p", { class: "quiet" }, foreign(state.scene.runs.ids[run]), `, step ${state.scene.runNumbers[step]}`),
  );
  placeTip(runs.tip, x, y, runs.canvas.clientWidth, runs.canvas.clientHeight);
}

function runsKey(event) {
  const { starts, ids } = state.scene.runs;
  const [run, step] = runs.cursor ?? [0, starts[0]];
  const inRun = (other) => Math.min(starts[other + 1] - 1, starts[other] + (step - starts[run]));
  const to = {
    ArrowLeft: () => [run, Math.max(starts[run], step - 1)],
    ArrowRight: () => [run, Math.min(starts[run + 1] - 1, step + 1)],
    ArrowUp: () => (run > 0 ? [run - 1, inRun(run - 1)] : [run, step]),
    ArrowDown: () => (run + 1 < ids.length ? [run + 1, inRun(run + 1)] : [run, step]),
  }[event.key];
  if (to) {
    event.preventDefault();
    const found = runs.cursor === null ? [run, step] : to();
    pointRuns(found, stepX(found[1]), runY(found[0]));
    const row = state.scene.runRows[found[1]];
    say(`${ids[found[0]]}, step ${state.scene.runNumbers[found[1]]}: ${titleOf(state.scene.owner[row])}`);
  } else if (event.key === "Enter" && runs.cursor) select(state.scene.owner[state.scene.runRows[step]], "runs");
}

function transitionRows() {
  const { scene } = state;
  const all = scene.runs.transitions.filter(([from, to]) => scene.indexOf.has(from) && scene.indexOf.has(to));
  const label = state.selected === null || state.selected === NOISE ? null : scene.clusters[state.selected].label;
  const chosen = label === null ? all : all.filter(([from, to]) => from === label || to === label);
  const most = Math.max(1, ...chosen.map(([, , count]) => count));
  const button = (index) => make("button", { type: "button", class: "inline", onclick: () => select(index, "runs") }, ...labelled(index));
  return chosen.slice(0, 100).map(([from, to, count]) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span"));
    bar.firstChild.style.width = `${(100 * count) / most}%`;
    return make("tr", {}, make("td", {}, button(scene.indexOf.get(from))), make("td", {}, button(scene.indexOf.get(to))),
      make("td", { class: "number" }, whole(count)), make("td", { class: "barred" }, bar));
  });
}

function paintTransitions() {
  const rows = transitionRows();
  byId("transitions-body").replaceChildren(...rows);
  const { kinds } = state.scene.runs;
  const many = kinds > rows.length ? `, the ${whole(rows.length)} most frequent of ${whole(kinds)}` : "";
  byId("transitions-said").textContent = state.selected !== null && state.selected !== NOISE
    ? `From and to ${titleOf(state.selected)}.`
    : `From the last cluster visited to another one, in all runs${many}.`;
}

function startRuns() {
  const { scene } = state;
  if (!scene.runs) return;
  measureRuns();
  runs.canvas = make("canvas", {
    id: "timeline", tabindex: "0", role: "application", "aria-roledescription": "timeline", "aria-describedby": "runs-keys",
    "aria-label": `Timeline of ${whole(scene.runs.ids.length)} runs`,
  });
  runs.tip = make("div", { class: "tip", hidden: true });
  const hidden = scene.runs.hidden ? ` ${whole(scene.runs.hidden)} more runs are not shown.` : "";
  byId("view-runs").append(
    make("p", { class: "quiet caption" }, `Each line is a run, each cell a step in the colour of its cluster; above ${runs.isSparse ? "they are counted" : "are sequence numbers"}.${hidden}`),
    make("p", { id: "runs-keys", class: "unseen" }, "Arrow keys go from step to step and from run to run, Enter selects the cluster."),
    make("div", { id: "runs", class: "scrolled" }, make("div", { class: "runs-box" }, runs.canvas, runs.tip)),
    make("h2", { class: "after" }, "Transitions"),
    make("p", { id: "transitions-said", class: "quiet caption" }),
    make("div", { class: "scrolled" }, make("table", { id: "transitions" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "From"), make("th", { scope: "col" }, "To"),
        make("th", { scope: "col", class: "number" }, "Times"), make("th", { "aria-hidden": "true" }))),
      make("tbody", { id: "transitions-body" }))),
  );
  runs.canvas.addEventListener("pointermove", (event) => pointRuns(stepAt(event.offsetX, event.offsetY), event.offsetX, event.offsetY));
  runs.canvas.addEventListener("pointerleave", () => pointRuns(null));
  runs.canvas.addEventListener("blur", () => pointRuns(null));
  runs.canvas.addEventListener("click", (event) => {
    const found = stepAt(event.offsetX, event.offsetY);
    select(found ? scene.owner[scene.runRows[found[1]]] : null, "runs");
  });
  runs.canvas.addEventListener("keydown", runsKey);
  for (const event of ["select", "theme"]) on(event, repaintRuns);
  on("show", paintRuns);
  on("select", paintTransitions);
  paintTransitions();
  new ResizeObserver(repaintRuns).observe(byId("runs"));
}
