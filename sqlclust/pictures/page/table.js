// The clusters as a table, for those who cannot see a picture, and for those who like tables.

const COLUMNS = [
  ["label", "Label", "number", (cluster) => cluster.label],
  ["name", "Terms", "", (cluster) => cluster.terms.join(", ")],
  ["size", "Rows", "number", (cluster) => cluster.size],
  ["share", "Share", "number", (cluster) => cluster.share],
  ["persistence", "Persistence", "number", (cluster) => cluster.persistence ?? -1],
  ["medoid", "Medoid", "", (cluster) => textOfRow(cluster.medoid, 200)],
];
const tableOrder = { column: "size", down: true };

function tableRow(cluster) {
  const button = make("button", { type: "button", class: "inline", onclick: () => select(cluster.index, "table") },
    swatch(cluster.index), String(cluster.label));
  return make("tr", { "data-index": cluster.index, class: cluster.index === state.selected ? "near" : null },
    make("th", { scope: "row", class: "number" }, button),
    make("td", {}, foreign(cluster.terms.join(", "))),
    make("td", { class: "number" }, whole(cluster.size)),
    make("td", { class: "number" }, percent(cluster.share)),
    make("td", { class: "number" }, cluster.persistence === null ? "–" : cluster.persistence.toFixed(3)),
    make("td", { class: "text" }, foreign(textOfRow(cluster.medoid, 200))));
}

function fillTable() {
  const { clusters, noiseCount, n } = state.scene;
  const valueOf = COLUMNS.find(([name]) => name === tableOrder.column)[3];
  const sign = tableOrder.down ? -1 : 1;
  const compare = (one, other) => {
    const [a, b] = [valueOf(one), valueOf(other)];
    return (typeof a === "string" ? a.localeCompare(b) : a - b) * sign || one.index - other.index;
  };
  byId("table-body").replaceChildren(...[...clusters].sort(compare).map(tableRow));
  for (const head of document.querySelectorAll("#table thead th")) {
    const isOrder = head.dataset.column === tableOrder.column;
    if (isOrder) head.setAttribute("aria-sort", tableOrder.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const noise = [make("th", { scope: "row", class: "number" }, "–1"), make("td", {}, "noise"),
    make("td", { class: "number" }, whole(noiseCount)), make("td", { class: "number" }, percent(noiseCount / Math.max(1, n)))];
  byId("table-noise").replaceChildren(...noise, make("td"), make("td"));
}

function sortTable(column) {
  const isSame = tableOrder.column === column;
  Object.assign(tableOrder, { column, down: isSame ? !tableOrder.down : ["size", "share", "persistence"].includes(column) });
  fillTable();
}

function startTable() {
  const heads = COLUMNS.map(([name, title, kind]) => make("th", { scope: "col", class: kind, "data-column": name },
    make("button", { type: "button", class: "inline", onclick: () => sortTable(name) }, title)));
  byId("view-table").append(make("div", { class: "scrolled" }, make("table", { id: "table" },
    make("caption", { class: "unseen" }, "Clusters"),
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", { id: "table-body" }),
    make("tfoot", {}, make("tr", { id: "table-noise" })))));
  let isFilled = false;
  on("show", (name) => {
    if (name !== "table" || isFilled) return;
    isFilled = true;
    fillTable();
  });
  on("texts", () => isFilled && fillTable());
  on("select", () => {
    for (const row of document.querySelectorAll("#table-body tr")) row.classList.toggle("near", row.dataset.index === String(state.selected));
  });
}
