// What other values of min_cluster_size would give: two charts over the same logarithmic axis, and the numbers.

const SWEEP = { left: 52, right: 24, top: 26, height: 200 };

function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((top) => top >= value);
}

// Values that are written below the axis: the stored one, and of the others those that have room.
function sweepTicks({ cuts, stored }, xOf) {
  const half = (size) => 4 * whole(size).length + 5; // a digit of 12 pixels is not wider than 8
  const ticks = [];
  for (const size of [stored, ...cuts.map(([each]) => each)]) {
    if (!cuts.some(([each]) => each === size)) continue;
    if (ticks.every((other) => Math.abs(xOf(other) - xOf(size)) > half(other) + half(size))) ticks.push(size);
  }
  return ticks;
}

function sweepChart(title, width, valueOf, highest, text, xOf, isLast) {
  const { cuts, stored } = state.scene.sweep;
  const { left, top, height } = SWEEP;
  const yOf = (value) => top + height - (value / highest) * height;
  const chart = svg("svg", {
    width, height: top + height + (isLast ? 44 : 14), role: "img", class: "chart",
    "aria-label": `${title} by min_cluster_size; the numbers are in the table below.`,
  });
  chart.append(svg("text", { x: left, y: 14, class: "chart-title" }, title));
  for (const share of [0, 0.5, 1]) {
    const y = yOf(share * highest);
    chart.append(svg("line", { x1: left, x2: width - SWEEP.right, y1: y, y2: y, class: "rule" }),
      svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, text(share * highest).replace(".0", "")));
  }
  const here = cuts.find(([size]) => size === stored);
  if (here) chart.append(svg("line", { x1: xOf(stored), x2: xOf(stored), y1: top, y2: top + height, class: "stored" }));
  chart.append(svg("polyline", { class: "curve", points: cuts.map((cut) => `${xOf(cut[0])},${yOf(valueOf(cut))}`).join(" ") }));
  for (const cut of cuts) {
    const isStored = cut[0] === stored;
    chart.append(svg("circle", {
      cx: xOf(cut[0]), cy: yOf(valueOf(cut)), r: isStored ? 6 : 3.5, class: isStored ? "dot here" : "dot", "data-size": cut[0],
    }));
  }
  if (here) chart.append(svg("text", {
    x: Math.min(xOf(stored) + 10, width - SWEEP.right - 70), y: Math.max(top + 10, yOf(valueOf(here)) - 10), class: "here-text",
  }, `${text(valueOf(here))} here`));
  if (isLast) {
    for (const size of sweepTicks(state.scene.sweep, xOf)) {
      chart.append(svg("text", { x: xOf(size), y: top + height + 18, "text-anchor": "middle" }, whole(size)));
    }
    chart.append(svg("text", { x: (left + width - SWEEP.right) / 2, y: top + height + 38, "text-anchor": "middle" }, "min_cluster_size"));
  }
  return chart;
}

function paintSweep() {
  const { sweep } = state.scene;
  if (state.view !== "sweep") return;
  const width = Math.max(240, Math.min(980, byId("sweep").clientWidth));
  const [first, last] = [sweep.cuts[0][0], sweep.cuts.at(-1)[0]];
  const span = Math.log(last / first) || 1;
  const xOf = (size) => SWEEP.left + 8 + (Math.log(size / first) / span) * (width - SWEEP.left - SWEEP.right - 16);
  byId("sweep").replaceChildren(
    sweepChart("Clusters", width, (cut) => cut[1], niceTop(Math.max(2, ...sweep.cuts.map((cut) => cut[1]))), whole, xOf, false),
    sweepChart("Share of noise", width, (cut) => cut[2], 1, percent, xOf, true),
  );
}

function pointSweep(event) {
  const { cuts } = state.scene.sweep;
  const dots = [...byId("sweep").querySelectorAll("circle")];
  const x = event.clientX - byId("sweep").getBoundingClientRect().left;
  let nearest = null;
  for (const dot of dots) {
    const distance = Math.abs(Number(dot.getAttribute("cx")) - x);
    if (!nearest || distance < nearest[0]) nearest = [distance, dot.dataset.size];
  }
  for (const dot of dots) dot.classList.toggle("near", dot.dataset.size === nearest[1]);
  for (const row of document.querySelectorAll("#sweep-table tbody tr")) row.classList.toggle("near", row.dataset.size === nearest[1]);
  const [size, clusters, noise, largest] = cuts.find((cut) => String(cut[0]) === nearest[1]);
  byId("sweep-said").textContent = `min_cluster_size ${size}: ${whole(clusters)} clusters, ${percent(noise)} noise, the largest has ${percent(largest)}`;
}

function startSweep() {
  const { sweep } = state.scene;
  if (!sweep || !sweep.cuts.length) return;
  const rows = sweep.cuts.map(([size, clusters, noise, largest]) => make(
    "tr", { "data-size": size, class: size === sweep.stored ? "here" : null },
    make("th", { scope: "row", class: "number" }, whole(size), size === sweep.stored ? " (this result)" : ""),
    ...[whole(clusters), percent(noise), percent(largest)].map((cell) => make("td", { class: "number" }, cell)),
  ));
  const heads = ["min_cluster_size", "Clusters", "Noise", "Largest cluster"];
  byId("view-sweep").append(
    make("p", { class: "quiet caption" }, "What the same fit gives with another min_cluster_size, everything else as it is here."),
    make("div", { id: "sweep", onpointermove: pointSweep }),
    make("p", { id: "sweep-said", class: "quiet" }),
    make("div", { class: "scrolled" }, make("table", { id: "sweep-table" },
      make("caption", { class: "unseen" }, "Clusters and noise by min_cluster_size"),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", class: "number" }, head)))),
      make("tbody", {}, ...rows))),
  );
  on("show", paintSweep);
  new ResizeObserver(nextFrame(paintSweep)).observe(byId("view-sweep"));
}
