// One cluster, or noise: figures, the rows that stand for it, its neighbours, its place in the tree, its members.

function fact(name, ...value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, ...value));
}

function part(title, ...content) {
  return make("section", { class: "part" }, make("h3", {}, title), ...content);
}

function clusterPanel(index) {
  const back = make("button", { type: "button", id: "back", class: "link", onclick: clearSelection },
    state.hits ? "← Hits" : "← All clusters");
  const title = make("h2", { class: "chosen", tabindex: "-1" }, ...labelled(index));
  return index === NOISE ? noiseParts(back, title) : clusterParts(state.scene.clusters[index], back, title);
}

function noiseParts(back, title) {
  const { noiseStart, noiseCount, n } = state.scene;
  const rows = byDepth(noiseStart, noiseCount);
  return [
    back, title,
    make("dl", { class: "facts" }, fact("Rows", whole(noiseCount)), fact("Share", percent(noiseCount / Math.max(1, n)))),
    part("Rows in no cluster, the oddest first", growingList(rows.length, (at) => rowItem(rows[at]), { "aria-label": "Rows" })),
  ];
}

function clusterParts(cluster, back, title) {
  const all = byDepth(cluster.start, cluster.count);
  const members = state.hits ? all.filter((row) => state.hits[row]) : all;
  const exemplars = cluster.exemplars.filter((row) => row !== cluster.medoid);
  return [
    back, title,
    cluster.terms.length > 3 ? make("p", { class: "terms quiet" }, foreign(cluster.terms.slice(3).join(", "))) : null,
    make("dl", { class: "facts" },
      fact("Rows", whole(cluster.size)), fact("Share", percent(cluster.share)),
      fact("Persistence", cluster.persistence === null ? "–" : cluster.persistence.toFixed(2)), fact("Label", String(cluster.label))),
    part("In the middle", make("ul", { class: "list" }, rowItem(cluster.medoid))),
    exemplars.length ? part("Typical", make("ul", { class: "list" }, ...exemplars.map((row) => rowItem(row)))) : null,
    cluster.near.length ? part("Nearest clusters", nearList(cluster)) : null,
    treePart(cluster.index),
    part(state.hits ? `Members that are hits (${whole(members.length)})` : "Members, the most probable first",
      growingList(members.length, (at) => rowItem(members[at]), { "aria-label": "Members" })),
  ];
}

function nearList(cluster) {
  const items = cluster.near.map(([other, distance]) => make("li", {}, make(
    "button", { type: "button", class: "cluster", onclick: () => select(other, "list") },
    make("span", { class: "line" }, ...labelled(other), make("span", { class: "count quiet" }, `distance ${short(distance)}`)),
  )));
  return make("ul", { class: "list", "aria-label": "Nearest clusters" }, ...items);
}
