// The view of the tree: hover, click, keys, zoom; and the small tree in the panel of a cluster.

const tree = { canvas: null, tip: null, box: null, window: [0, 1], pointed: -1 };

function nodeFacts(node) {
  const { treeBirth, treeDeath, treeSize, treeStarts, stepSize } = state.scene;
  const below = treeData.children[node];
  const end = below.length
    ? `splits into ${below.map((child) => whole(treeSize[child])).join(" and ")} at λ ${short(treeDeath[node])}`
    : `ends at λ ${short(treeDeath[node])}, with ${whole(stepSize[treeStarts[node + 1] - 1] ?? 0)} left`;
  return `${rowsText(treeSize[node])} at λ ${short(treeBirth[node])}; ${end}`;
}

function nodeTitle(node) {
  const cluster = treeData.within[node];
  if (cluster === NOISE) return "above the clusters";
  return state.scene.treeLabel[node] >= 0 ? titleOf(cluster) : `in ${titleOf(cluster)}`;
}

function paintTree() {
  if (state.view !== "tree") return;
  tree.box = drawTree(tree.canvas, { window: tree.window, pointed: tree.pointed });
  byId("tree-whole").hidden = tree.window[0] === 0 && tree.window[1] === 1;
}

const repaintTree = nextFrame(paintTree);

function setTreeWindow(left, right) {
  const span = Math.min(1, Math.max(right - left, 1e-5));
  const from = Math.min(Math.max(0, left), 1 - span);
  tree.window = [from, from + span];
  repaintTree();
}

function zoomTree(factor, share) {
  const [from, to] = tree.window;
  setTreeWindow(share - (share - from) / factor, share + (to - share) / factor);
}

function zoomToNode(node) {
  const [left, right] = [state.scene.treeLeft[node], state.scene.treeRight[node]];
  setTreeWindow(left - (right - left) * 0.05, right + (right - left) * 0.05);
}

function pointTree(node, event) {
  if (node !== tree.pointed) {
    tree.pointed = node;
    repaintTree();
  }
  tree.canvas.classList.toggle("pointing", node >= 0 && treeData.within[node] !== NOISE);
  tree.tip.hidden = node < 0;
  if (node < 0) return;
  const cluster = treeData.within[node];
  tree.tip.replaceChildren(
    make("p", {}, ...(cluster === NOISE ? [nodeTitle(node)] : [swatch(cluster), foreign(nodeTitle(node), "name")])),
    make("p", { class: "quiet" }, nodeFacts(node)),
  );
  if (event) placeTip(tree.tip, event.offsetX, event.offsetY, tree.canvas.clientWidth, tree.canvas.clientHeight);
}

function treeKey(event) {
  const { scene } = state;
  const node = tree.pointed < 0 ? treeData.nodeOf.get(state.selected) ?? 0 : tree.pointed;
  const parent = scene.treeParent[node];
  const beside = parent < 0 ? [node] : [...treeData.children[parent]].sort((one, other) => scene.treeLeft[one] - scene.treeLeft[other]);
  const at = beside.indexOf(node);
  const to = {
    ArrowUp: parent, ArrowDown: treeData.children[node][0], ArrowLeft: beside[at - 1], ArrowRight: beside[at + 1], Home: 0,
  };
  if (event.key in to) {
    event.preventDefault();
    const next = tree.pointed < 0 ? node : to[event.key];
    if (next === undefined || next < 0) return;
    pointTree(next, null);
    const [left, top, right] = nodeBox(next, tree.box);
    placeTip(tree.tip, (left + right) / 2, top + 12, tree.canvas.clientWidth, tree.canvas.clientHeight);
    say(`${nodeTitle(next)}: ${nodeFacts(next)}`);
  } else if (event.key === "Enter" && tree.pointed >= 0) {
    event.preventDefault();
    selectNode(tree.pointed);
  } else if (event.key === "+" || event.key === "=") {
    if (tree.pointed >= 0) zoomToNode(tree.pointed);
  } else if (event.key === "0" || event.key === "-") setTreeWindow(0, 1);
}

function selectNode(node) {
  const cluster = treeData.within[node];
  select(cluster === NOISE ? null : cluster, "tree");
}

function startTree() {
  const { scene } = state;
  if (!scene.tree) return;
  readTree();
  tree.canvas = make("canvas", {
    id: "tree", tabindex: "0", role: "application", "aria-roledescription": "tree",
    "aria-label": `Condensed tree of ${whole(treeData.n)} nodes`, "aria-describedby": "tree-keys",
  });
  tree.tip = make("div", { class: "tip", hidden: true });
  const cut = treeData.isCut ? ` What lasts beyond λ ${short(treeData.high)} is cut off there.` : "";
  const hidden = scene.tree.hidden ? ` ${whole(scene.tree.hidden)} smaller nodes are not shown.` : "";
  byId("view-tree").append(
    make("p", { class: "quiet caption" },
      `How the rows part as density rises (λ = 1 / distance, downwards). Coloured: the clusters of this result.${hidden}${cut} A click selects, a double click zooms in. `,
      make("button", { id: "tree-whole", type: "button", class: "link", hidden: true, onclick: () => setTreeWindow(0, 1) }, "Whole tree")),
    make("p", { id: "tree-keys", class: "unseen" },
      "Arrow keys go up to where a node split off, down into it, and to the one beside it. Enter selects its cluster, plus zooms to it, 0 shows the whole tree."),
    make("div", { class: "tree-box" }, tree.canvas, tree.tip),
  );
  const at = (event) => nodeAt(event.offsetX, event.offsetY, tree.box);
  let dragged = null;
  tree.canvas.addEventListener("pointerdown", (event) => { dragged = { x: event.offsetX, window: tree.window, far: false }; });
  tree.canvas.addEventListener("pointermove", (event) => {
    if (!dragged || !event.buttons) return pointTree(at(event), event);
    const share = ((event.offsetX - dragged.x) / tree.box.width) * (dragged.window[1] - dragged.window[0]);
    if (Math.abs(event.offsetX - dragged.x) > 4) dragged.far = true;
    if (dragged.far) setTreeWindow(dragged.window[0] - share, dragged.window[1] - share);
  });
  tree.canvas.addEventListener("pointerleave", () => pointTree(-1, null));
  tree.canvas.addEventListener("blur", () => pointTree(-1, null));
  tree.canvas.addEventListener("click", (event) => {
    const node = at(event);
    if (!dragged?.far && node >= 0) selectNode(node);
    dragged = null;
  });
  tree.canvas.addEventListener("dblclick", (event) => at(event) >= 0 && zoomToNode(at(event)));
  tree.canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTree(Math.exp(-event.deltaY * 0.002), tree.window[0] + ((event.offsetX - tree.box.left) / tree.box.width) * (tree.window[1] - tree.window[0]));
  }, { passive: false });
  tree.canvas.addEventListener("keydown", treeKey);
  for (const event of ["select", "theme"]) on(event, repaintTree);
  on("show", paintTree); // at once: a key may come before the next frame
  on("select", (where) => {
    const node = treeData.nodeOf.get(state.selected);
    if (node === undefined || where === "tree") return;
    const [left, right] = [scene.treeLeft[node], scene.treeRight[node]];
    if (right < tree.window[0] || left > tree.window[1]) setTreeWindow(0, 1);
  });
  on("theme", paintSmallTree);
  new ResizeObserver(repaintTree).observe(tree.canvas);
}

function paintSmallTree() {
  const canvas = byId("small-tree");
  if (canvas) drawTree(canvas, { window: [0, 1], small: true });
}

// Where a cluster is in the tree; nothing if it is not in it, as when it was made by hand.
function treePart(index) {
  const node = state.scene.tree ? treeData.nodeOf.get(index) : undefined;
  if (node === undefined) return null;
  requestAnimationFrame(paintSmallTree);
  const parent = state.scene.treeParent[node];
  const from = parent < 0 ? "the whole" : rowsText(state.scene.treeSize[parent]);
  return part("In the tree",
    make("button", { type: "button", class: "small-tree", "aria-label": "Show in the tree", onclick: () => showView("tree") },
      make("canvas", { id: "small-tree", "aria-hidden": "true" })),
    make("p", { class: "quiet" }, `From ${from}: ${nodeFacts(node)}.`));
}
