// Tabs, the switch between light and dark, keys for all of the page; and the beginning.

const VIEWS = [
  ["map", "Map", () => true],
  ["tree", "Tree", (scene) => Boolean(scene.tree)],
  ["sweep", "Sweep", (scene) => Boolean(scene.sweep)],
  ["runs", "Runs", (scene) => Boolean(scene.runs)],
  ["table", "Table", () => true],
];

function showView(name) {
  if (state.view === name) return;
  state.view = name;
  for (const tab of byId("tabs").children) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
  for (const [other] of VIEWS) byId(`view-${other}`).hidden = other !== name;
  emit("show", name);
  if (name === "map") drawMap();
}

function startTabs() {
  const there = VIEWS.filter(([, , has]) => has(state.scene));
  const tabs = there.map(([name, title]) => make("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`,
    "aria-selected": String(name === "map"), tabindex: name === "map" ? "0" : "-1", onclick: () => showView(name),
  }, title));
  byId("tabs").append(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    tab.focus();
    tab.click();
  });
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function setTheme(dark) {
  state.dark = dark;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const button = byId("theme");
  button.textContent = dark ? "☀" : "☾";
  button.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
  button.title = button.getAttribute("aria-label");
  if (!state.scene) return;
  inkNow = inkOf(dark);
  recolourSwatches();
  emit("theme");
}

function startTheme() {
  const button = byId("theme");
  let chosen = false;
  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = true;
    setTheme(!state.dark);
  });
  prefersDark.addEventListener("change", () => chosen || setTheme(prefersDark.matches));
  setTheme(prefersDark.matches);
}

function summary() {
  const { result, n, clusters, noiseCount } = state.scene;
  const parameters = Object.entries(result.parameters ?? {}).filter(([name]) => ["min_cluster_size", "min_samples"].includes(name));
  const parts = [
    rowsText(n),
    `${whole(clusters.length)} ${clusters.length === 1 ? "cluster" : "clusters"}`,
    `${percent(noiseCount / Math.max(1, n))} noise`,
    ...parameters.map(([name, value]) => `${name} ${value}`),
    result.engine ? `${result.engine} engine` : "",
    (result.completed_at ?? "").slice(0, 10),
  ];
  byId("summary").textContent = parts.filter(Boolean).join(" · ");
}

function pageKey(event) {
  const writes = event.target.closest("input, select, textarea");
  if (event.key === "/" && !writes && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId("query").focus();
  } else if (event.key === "Escape" && !writes && state.selected !== null) clearSelection();
}

function failed(sentence) {
  const wait = byId("wait");
  wait.hidden = false;
  wait.textContent = sentence;
}

async function start() {
  startTheme();
  if (typeof DecompressionStream === "undefined" || !Array.prototype.at) {
    return failed("This page needs a newer browser: Chrome or Edge from 92, Firefox from 113, Safari from 16.4.");
  }
  byId("wait").hidden = false;
  try {
    state.scene = await decodeScene();
  } catch {
    return failed("The data of this page cannot be unpacked: the file is damaged or not all of it is here.");
  }
  inkNow = inkOf(state.dark);
  byId("wait").hidden = true;
  byId("app").hidden = false;
  summary();
  startTabs();
  startMap();
  startSearch();
  startTree();
  startClusters();
  startSweep();
  startRuns();
  startTable();
  document.addEventListener("keydown", pageKey);
  performance.mark("drawn");
  document.documentElement.dataset.state = "drawn";
  await new Promise((resolve) => setTimeout(resolve));
  try {
    await decodeTexts(state.scene);
  } catch {
    return failed("The texts of this page cannot be unpacked: the file is damaged or not all of it is here.");
  }
  emit("texts");
  performance.mark("ready");
  document.documentElement.dataset.state = "ready";
}

start();
