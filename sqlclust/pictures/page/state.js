// What is shown at the moment, and who wants to know when it changes.

const state = {
  scene: null,
  selected: null, // index of a cluster, NOISE, or null
  row: null, // a row that is pointed out
  query: "",
  hits: null, // Uint8Array over rows, or null without a search
  nHits: 0,
  dark: false,
  view: "map",
};

const listeners = new Map();

function on(event, listener) {
  if (!listeners.has(event)) listeners.set(event, []);
  listeners.get(event).push(listener);
}

function emit(event, detail) {
  for (const listener of listeners.get(event) ?? []) listener(detail);
}

// Where: "map", "list", "tree" and so on; whoever selected does not have to be moved to it.
function select(index, where) {
  if (index === state.selected) return;
  state.selected = index;
  state.row = null;
  emit("select", where);
  say(index === null ? "No cluster is selected." : `${titleOf(index)}: ${rowsText(sizeOf(index))}.`);
}

function pointOut(row) {
  state.row = row;
  emit("row");
}

function titleOf(index) {
  return index === NOISE ? "noise" : state.scene.clusters[index].title;
}

function sizeOf(index) {
  return index === NOISE ? state.scene.noiseCount : state.scene.clusters[index].size;
}

function pieceOf(index) {
  if (index === NOISE) return [state.scene.noiseStart, state.scene.noiseCount];
  const { start, count } = state.scene.clusters[index];
  return [start, count];
}

// For those who listen.
function say(text) {
  document.getElementById("said").textContent = text;
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
