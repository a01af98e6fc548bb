// The list of clusters beside the map, and what stands in its place: one cluster, or hits.

const ORDERS = {
  size: ["Largest first", (one, other) => one.index - other.index],
  persistence: ["Most persistent first", (one, other) => (other.persistence ?? -1) - (one.persistence ?? -1) || one.index - other.index],
  name: ["By name", (one, other) => one.title.localeCompare(other.title) || one.label - other.label],
  label: ["By label", (one, other) => one.label - other.label],
};
let listOrder = "size";

function clusterItem(cluster, largest) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span"));
  bar.firstChild.style.width = `${Math.max(1, (100 * cluster.size) / largest)}%`;
  bar.firstChild.style.background = cssColour(cluster.index);
  bar.firstChild.dataset.cluster = String(cluster.index);
  const persistence = cluster.persistence === null ? null : ` · persistence ${cluster.persistence.toFixed(2)}`;
  return make("li", {}, make(
    "button",
    { type: "button", class: "cluster", "data-index": cluster.index, onclick: () => select(cluster.index, "list") },
    make("span", { class: "line" }, ...labelled(cluster.index), make("span", { class: "count" }, whole(cluster.size))),
    bar,
    make("span", { class: "quiet" }, `${percent(cluster.share)}`, persistence),
  ));
}

function listPanel() {
  const { clusters, noiseCount, n, missing } = state.scene;
  const sorted = [...clusters].sort(ORDERS[listOrder][1]);
  const largest = clusters[0]?.size ?? 1;
  const choice = make("select", { id: "order", "aria-label": "Order of the clusters" });
  for (const [key, [text]] of Object.entries(ORDERS)) {
    choice.append(make("option", { value: key, selected: key === listOrder }, text));
  }
  choice.addEventListener("change", () => {
    listOrder = choice.value;
    fillPanel();
    byId("order").focus();
  });
  const noise = make("button", { type: "button", class: "cluster", "data-index": NOISE, onclick: () => select(NOISE, "list") },
    make("span", { class: "line" }, ...labelled(NOISE), make("span", { class: "count" }, whole(noiseCount))),
    make("span", { class: "quiet" }, `${percent(noiseCount / Math.max(1, n))} · rows in no cluster`));
  return [
    make("div", { class: "panel-top" }, make("h2", {}, `${whole(clusters.length)} ${clusters.length === 1 ? "cluster" : "clusters"}`),
      clusters.length > 1 ? choice : null),
    clusters.length ? null : make("p", { class: "nothing" }, "Every row is noise."),
    growingList(sorted.length, (at) => clusterItem(sorted[at], largest), { id: "clusters", "aria-label": "Clusters" }),
    noiseCount ? make("ul", { class: "list" }, make("li", {}, noise)) : null,
    missing.length ? make("div", { class: "missing" }, make("h2", {}, "Not on this page"),
      make("ul", {}, ...missing.map((sentence) => make("li", {}, foreign(sentence))))) : null,
  ];
}

function fillPanel() {
  const panel = byId("panel");
  const parts = state.selected !== null ? clusterPanel(state.selected) : state.hits ? hitsPanel() : listPanel();
  panel.replaceChildren(...parts.filter(Boolean));
  panel.scrollTop = 0;
  if (byId("side").getBoundingClientRect().top < 0) byId("side").scrollIntoView(); // a narrow screen scrolls as a whole
  panel.dataset.shows = state.selected !== null ? "cluster" : state.hits ? "hits" : "list";
}

// Back to the list, to the cluster that one comes from.
function clearSelection() {
  const before = state.selected;
  select(null, "list");
  document.querySelector(`#panel [data-index="${before}"]`)?.focus({ preventScroll: false });
}

function startClusters() {
  on("select", (where) => {
    const inside = byId("panel").contains(document.activeElement);
    fillPanel();
    if (inside && where === "list" && state.selected !== null) byId("back")?.focus({ preventScroll: true });
  });
  on("texts", fillPanel);
  fillPanel();
}
