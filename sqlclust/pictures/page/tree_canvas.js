// The condensed tree as an icicle: rows across, density downwards. Where things are, and how they are drawn.

const TREE_LEFT = 46; // pixels of CSS for the axis
const TREE_TOP = 10;
const TREE_BOTTOM = 14;
const MOST_OF_NODES = 0.95; // those that are seen to their ends

const treeData = { children: [], within: null, nodeOf: new Map(), low: 0, high: 1, n: 0, isCut: false };

function readTree() {
  const { scene } = state;
  const n = scene.treeParent.length;
  const children = Array.from({ length: n }, () => []);
  const within = new Int32Array(n).fill(NOISE); // the cluster that a node is, or lies in
  const nodeOf = new Map();
  for (let node = 0; node < n; node++) {
    const parent = scene.treeParent[node];
    const cluster = scene.treeLabel[node] >= 0 ? scene.indexOf.get(scene.treeLabel[node]) : undefined;
    if (parent >= 0) children[parent].push(node);
    if (cluster !== undefined) nodeOf.set(cluster, node);
    within[node] = cluster ?? (parent >= 0 ? within[parent] : NOISE);
  }
  let low = Infinity;
  for (let node = 0; node < n; node++) {
    for (const value of [scene.treeBirth[node], scene.treeDeath[node]]) if (value > 0 && value < low) low = value;
  }
  const deaths = Float32Array.from(scene.treeDeath).sort();
  let high = deaths[n - 1];
  const most = deaths[Math.floor((n - 1) * MOST_OF_NODES)] * 1.25;
  const isCut = most > 0 && high > 2 * most; // a few nodes of almost identical vectors would press all others to the top
  if (isCut) high = most;
  if (!(low < Infinity)) low = 1;
  if (!(scene.treeBirth[0] > 0)) low *= 0.8; // the root begins before all else
  if (!(high > low)) high = low * 2;
  Object.assign(treeData, { children, within, nodeOf, low, high, n, isCut });
}

const treeX = (share, box) => box.left + ((share - box.window[0]) / (box.window[1] - box.window[0])) * box.width;

function treeY(lambda, box) {
  const share = Math.log(Math.max(lambda, treeData.low) / treeData.low) / Math.log(treeData.high / treeData.low);
  return box.top + Math.min(1, share) * box.height;
}

function lambdaAt(y, box) {
  return treeData.low * (treeData.high / treeData.low) ** ((y - box.top) / box.height);
}

// The box of a node, [left, top, right, bottom], in pixels of CSS.
function nodeBox(node, box) {
  const { treeLeft, treeRight, treeBirth, treeDeath } = state.scene;
  return [treeX(treeLeft[node], box), treeY(treeBirth[node], box), treeX(treeRight[node], box), treeY(treeDeath[node], box)];
}

function nodeColours(node, isDimmed) {
  const cluster = treeData.within[node];
  const own = cluster === NOISE ? mix(ink().ground, ink().text, state.dark ? 0.42 : 0.38) : rgbOf(cluster);
  const strength = isDimmed ? 0.22 : cluster === NOISE ? 0.75 : state.scene.treeLabel[node] >= 0 ? 1 : 0.7;
  const front = mix(ink().ground, own, strength);
  return [front, mix(ink().ground, own, strength * (state.dark ? 0.32 : 0.24))];
}

// A pale box for the rows at its birth, and before it those that are left.
function drawNode(context, node, box) {
  const { treeStarts, stepLambda, stepSize, treeSize } = state.scene;
  let [left, top, right, bottom] = nodeBox(node, box);
  if (right < box.left || left > box.left + box.width) return;
  const isDimmed = state.selected !== null && state.selected !== NOISE && treeData.within[node] !== state.selected;
  const [front, back] = nodeColours(node, isDimmed);
  const gap = right - left > 4 ? 0.5 : 0;
  [left, right] = [left + gap, Math.max(right - gap, left + 0.6)];
  const pixel = (y) => Math.round(y * view.ratio) / view.ratio; // no seams between parents and children
  [top, bottom] = [pixel(top), pixel(Math.max(bottom, top + 1))];
  context.fillStyle = css(back);
  context.fillRect(left, top, right - left, bottom - top);
  context.fillStyle = css(front);
  const middle = (left + right) / 2;
  const [from, to] = [treeStarts[node], treeStarts[node + 1]];
  context.beginPath();
  const half = (step) => ((right - left) / 2) * (stepSize[step] / Math.max(1, treeSize[node]));
  const down = (step) => (step < to ? treeY(stepLambda[step], box) : bottom);
  for (let step = from; step < to; step++) {
    context.lineTo(middle + half(step), step === from ? top : down(step));
    context.lineTo(middle + half(step), down(step + 1));
  }
  for (let step = to - 1; step >= from; step--) {
    context.lineTo(middle - half(step), down(step + 1));
    context.lineTo(middle - half(step), step === from ? top : down(step));
  }
  context.fill();
}

function drawNodeName(context, node, box) {
  const [left, top, right, bottom] = nodeBox(node, box);
  const cluster = treeData.within[node];
  const from = Math.max(left, box.left);
  const room = Math.min(right, box.left + box.width) - from - 10;
  if (room < 34 || bottom - top < 18) return;
  const names = [mapLabel(state.scene.clusters[cluster]), state.scene.clusters[cluster].terms[0] ?? ""];
  const text = names.find((name) => name && labelWidth(context, name, 12) <= room);
  if (!text) return;
  context.font = fontOf(12);
  const width = labelWidth(context, text, 12);
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = `rgb(${ink().ground.join(" ")} / 0.85)`;
  context.fillStyle = css(ink().text);
  const at = from + 5 + (room - width) / 2;
  context.textBaseline = "middle";
  context.strokeText(text, at, top + 12);
  context.fillText(text, at, top + 12);
}

function outlineNode(context, node, box, width) {
  const [left, top, right, bottom] = nodeBox(node, box);
  for (const [line, colour] of [[width + 2, ink().ground], [width, ink().text]]) {
    context.lineWidth = line;
    context.strokeStyle = css(colour);
    context.strokeRect(left, top, Math.max(2, right - left), Math.max(2, bottom - top));
  }
}

// Round numbers of λ that leave room for each other.
function lambdaTicks(box) {
  const ticks = [];
  const decade = Math.floor(Math.log10(treeData.low));
  for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 5], [1]]) {
    ticks.length = 0;
    for (let power = decade; power <= Math.ceil(Math.log10(treeData.high)); power++) {
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= treeData.low && value <= treeData.high) ticks.push(value);
      }
    }
    const places = ticks.map((value) => treeY(value, box));
    if (places.every((place, at) => at === 0 || place - places[at - 1] > 22)) break;
  }
  return ticks;
}

function drawTreeAxis(context, box) {
  context.font = `11.5px ${FONT}`;
  context.fillStyle = css(mix(ink().ground, ink().text, 0.7));
  context.strokeStyle = css(mix(ink().ground, ink().text, 0.12));
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.lineWidth = 1;
  for (const value of lambdaTicks(box)) {
    const y = Math.round(treeY(value, box)) + 0.5;
    if (y < box.top + 16) continue; // the axis has its name there
    context.beginPath();
    context.moveTo(box.left, y);
    context.lineTo(box.left + box.width, y);
    context.stroke();
    context.fillText(short(value), box.left - 8, y);
  }
  context.fillText("λ", box.left - 8, box.top + 3);
  context.textAlign = "left";
}

// All of it: nodes, names of clusters where there is room, outlines of what is selected and pointed at.
function drawTree(canvas, { window: seen, small = false, pointed = -1 }) {
  const [width, height, ratio] = fitCanvas(canvas);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const margins = small ? [2, 2, 2] : [TREE_LEFT, TREE_TOP, TREE_BOTTOM];
  const box = { left: margins[0], top: margins[1], width: width - margins[0] - 2, height: height - margins[1] - margins[2], window: seen };
  if (!small) drawTreeAxis(context, box);
  context.save();
  context.beginPath();
  context.rect(box.left, 0, box.width, height);
  context.clip();
  for (let node = 0; node < treeData.n; node++) drawNode(context, node, box);
  if (!small) for (const node of treeData.nodeOf.values()) drawNodeName(context, node, box);
  if (treeData.nodeOf.has(state.selected)) outlineNode(context, treeData.nodeOf.get(state.selected), box, small ? 1.5 : 2);
  if (pointed >= 0) outlineNode(context, pointed, box, 1);
  context.restore();
  return box;
}

// The node at a place: the last that begins above it, in depth.
function nodeAt(x, y, box) {
  const { treeLeft, treeRight, treeBirth, treeDeath } = state.scene;
  const share = box.window[0] + ((x - box.left) / box.width) * (box.window[1] - box.window[0]);
  const lambda = lambdaAt(y, box);
  if (x < box.left || share < 0 || share > 1) return -1;
  let node = 0;
  while (node >= 0 && lambda > treeDeath[node]) {
    const below = treeData.children[node].find((child) => share >= treeLeft[child] && share <= treeRight[child]);
    if (below === undefined) return -1;
    node = below;
  }
  return share >= treeLeft[node] && share <= treeRight[node] && y >= treeY(treeBirth[node], box) - 2 ? node : -1;
}
