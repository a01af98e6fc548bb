// The map: dots below, names and what is pointed at above; pointer, wheel, fingers and keys.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif';
const AT_ONCE = 300_000; // rows that are drawn for every step of a movement
const REACH = 9; // pixels of CSS around the pointer

const mapParts = {};
let hovered = -1;
let restTimer = 0;

function drawMap(stride = 1) {
  if (!state.scene.hasMap || state.view !== "map") return;
  const begun = performance.now();
  [view.width, view.height, view.ratio] = fitCanvas(mapParts.dots);
  fitCanvas(mapParts.over);
  drawDots(mapParts.dots, stride);
  drawOver();
  mapParts.box.dataset.ms = (performance.now() - begun).toFixed(1);
}

// While it moves, very many rows are drawn in part; all of them as soon as it rests.
const moveMap = nextFrame(() => {
  clearTimeout(restTimer);
  const stride = Math.ceil(state.scene.n / AT_ONCE);
  drawMap(stride);
  if (stride > 1) restTimer = setTimeout(drawMap, 140);
});

function drawOver() {
  const context = mapParts.over.getContext("2d");
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  const shown = drawLabels(context);
  mapParts.box.dataset.labels = shown.join(" ");
  const rows = new Set([state.row, hovered >= 0 ? hovered : null]);
  for (const row of rows) if (row !== null) ring(context, row);
}

function ring(context, row) {
  const [x, y] = [toScreenX(state.scene.x[row]), toScreenY(state.scene.y[row])];
  const radius = Math.max(5, dotRadius() + 3);
  for (const [width, colour] of [[4.5, ink().ground], [2, ink().text]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = css(colour);
    context.stroke();
  }
}

// --- what is pointed at ---

function hover(x, y) {
  const row = rowAt(x, y, REACH);
  if (row !== hovered) {
    hovered = row;
    drawOver();
  }
  mapParts.over.classList.toggle("pointing", row >= 0);
  if (row < 0) return hideTip();
  fillTip(row);
  placeTip(mapParts.tip, x, y, view.width, view.height);
}

function fillTip(row) {
  const { tip } = mapParts;
  if (tip.dataset.row === String(row)) return;
  tip.dataset.row = String(row);
  const others = rowsInPlace(row) - 1;
  tip.replaceChildren(
    make("p", { class: "text" }, foreign(textOfRow(row, 280))),
    make("p", { class: "quiet" }, ...labelled(state.scene.owner[row])),
    make("p", { class: "quiet" }, factsOfRow(row)),
    ...(others > 0 ? [make("p", { class: "quiet" }, `and ${rowsText(others)} more in the same place`)] : []),
  );
}

function hideTip() {
  mapParts.tip.hidden = true;
  delete mapParts.tip.dataset.row;
}

function leaveMap() {
  hideTip();
  mapParts.over.classList.remove("pointing");
  if (hovered >= 0) {
    hovered = -1;
    drawOver();
  }
}

function pickAt(x, y) {
  const row = rowAt(x, y, REACH + 3);
  if (row < 0) return select(null, "map");
  select(state.scene.owner[row], "map");
  pointOut(row);
}

// --- pointers ---

const pointers = new Map();
let moved = 0;

function placeOf(event) {
  const box = mapParts.over.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function pointerDown(event) {
  if (event.button > 0) return;
  mapParts.over.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, placeOf(event));
  if (pointers.size === 1) moved = 0;
}

function pointerMove(event) {
  const place = placeOf(event);
  const before = pointers.get(event.pointerId);
  if (!before) {
    if (event.pointerType === "mouse") hover(...place);
    return;
  }
  const [dx, dy] = [place[0] - before[0], place[1] - before[1]];
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved < 4) return;
  hideTip();
  pointers.set(event.pointerId, place);
  if (pointers.size === 1) return panBy(dx, dy);
  const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  const [was, is] = [before, place].map((at) => Math.hypot(at[0] - other[0], at[1] - other[1]));
  panBy(dx / 2, dy / 2);
  if (was > 0 && is > 0) zoomAt(is / was, (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
}

function pointerUp(event) {
  const was = pointers.delete(event.pointerId);
  if (was && moved < 4 && event.type === "pointerup") {
    const place = placeOf(event);
    pickAt(...place);
    if (event.pointerType !== "mouse") hover(...place);
  }
}

function wheel(event) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.height : 1;
  const strength = event.ctrlKey ? 0.01 : 0.0018;
  hideTip();
  zoomAt(Math.exp(-event.deltaY * unit * strength), ...placeOf(event));
}

const PAN = 60;
const MAP_KEYS = {
  ArrowLeft: () => panBy(PAN, 0),
  ArrowRight: () => panBy(-PAN, 0),
  ArrowUp: () => panBy(0, PAN),
  ArrowDown: () => panBy(0, -PAN),
  "+": () => zoomAt(1.5, view.width / 2, view.height / 2),
  "=": () => zoomAt(1.5, view.width / 2, view.height / 2),
  "-": () => zoomAt(1 / 1.5, view.width / 2, view.height / 2),
  "−": () => zoomAt(1 / 1.5, view.width / 2, view.height / 2),
  0: showAll,
  PageDown: () => selectBeside(1),
  PageUp: () => selectBeside(-1),
};

function selectBeside(step) {
  const n = state.scene.clusters.length;
  if (!n) return;
  const from = state.selected === null || state.selected === NOISE ? (step > 0 ? -1 : n) : state.selected;
  select((from + step + n) % n, "list");
}

function mapKey(event) {
  const act = MAP_KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  hideTip();
  act();
}

function startMap() {
  const { scene } = state;
  Object.assign(mapParts, { box: byId("map"), dots: byId("dots"), over: byId("over"), tip: byId("tip") });
  const { over } = mapParts;
  if (!scene.hasMap) {
    const why = scene.map.missing ? `No map: ${scene.map.missing.replace(/\.$/, "")}.` : "This page has no map.";
    mapParts.box.replaceChildren(make("p", { class: "nothing" }, foreign(scene.n ? why : "The result has no rows.")));
    return;
  }
  over.setAttribute("aria-label", `Map of ${rowsText(scene.n)} in ${whole(scene.clusters.length)} clusters`);
  byId("map-note").textContent = `${scene.map.method} · near is alike, far says little${scene.noiseCount ? " · grey: noise" : ""}`;
  measureClusters(scene);
  view.extent = extentOf(scene.x, scene.y, 0, scene.n);
  [view.width, view.height, view.ratio] = fitCanvas(mapParts.dots);
  Object.assign(view, fitting(view.extent));
  for (const [name, act] of [["pointerdown", pointerDown], ["pointermove", pointerMove], ["pointerup", pointerUp],
    ["pointercancel", pointerUp], ["pointerleave", leaveMap], ["keydown", mapKey]]) over.addEventListener(name, act);
  over.addEventListener("wheel", wheel, { passive: false });
  byId("zoom-in").addEventListener("click", () => zoomAt(2, view.width / 2, view.height / 2, true));
  byId("zoom-out").addEventListener("click", () => zoomAt(0.5, view.width / 2, view.height / 2, true));
  byId("zoom-all").addEventListener("click", showAll);
  on("view", moveMap);
  for (const event of ["hits", "theme"]) on(event, nextFrame(() => drawMap()));
  on("select", (where) => {
    if (where !== "map" && state.selected !== null) showCluster(state.selected);
    moveMap();
  });
  on("row", () => {
    hideTip();
    drawOver();
  });
  new ResizeObserver(nextFrame(resizeMap)).observe(mapParts.box);
  drawMap();
}

// What was whole stays whole.
function resizeMap() {
  if (state.view !== "map") return;
  const wasWhole = Math.abs(view.scale / wholeScale() - 1) < 0.01;
  [view.width, view.height, view.ratio] = fitCanvas(mapParts.dots);
  if (wasWhole) Object.assign(view, fitting(view.extent));
  drawMap();
}
