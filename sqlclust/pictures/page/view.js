// Which part of the map is seen: the place in the middle, and pixels of CSS for a step of the map's grid.

const MARGIN = 0.92;
const DEEPEST = 400;

const view = { x: 0, y: 0, scale: 1, width: 1, height: 1, ratio: 1, extent: [0, 0, 1, 1] };

const toScreenX = (x) => (x - view.x) * view.scale + view.width / 2;
const toScreenY = (y) => (y - view.y) * view.scale + view.height / 2;
const toMapX = (x) => (x - view.width / 2) / view.scale + view.x;
const toMapY = (y) => (y - view.height / 2) / view.scale + view.y;

function extentOf(xs, ys, start, count) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let row = start; row < start + count; row++) {
    if (xs[row] < left) left = xs[row];
    if (xs[row] > right) right = xs[row];
    if (ys[row] < top) top = ys[row];
    if (ys[row] > bottom) bottom = ys[row];
  }
  return [left, top, right, bottom];
}

function fitting([left, top, right, bottom], margin = MARGIN) {
  const across = Math.max(1, right - left);
  const down = Math.max(1, bottom - top);
  return {
    x: (left + right) / 2,
    y: (top + bottom) / 2,
    scale: Math.min((view.width * margin) / across, (view.height * margin) / down),
  };
}

const wholeScale = () => fitting(view.extent).scale;

function clampedView(target) {
  const fit = wholeScale();
  const [left, top, right, bottom] = view.extent;
  return {
    scale: Math.min(Math.max(target.scale, fit * 0.5), fit * DEEPEST),
    x: Math.min(Math.max(target.x, left), right),
    y: Math.min(Math.max(target.y, top), bottom),
  };
}

let flight = 0;

function setView(target) {
  flight++;
  Object.assign(view, clampedView(target));
  emit("view");
}

// Moves in a quarter of a second; at once for those who want no motion.
function flyTo(target) {
  const to = clampedView(target);
  if (reducedMotion.matches || state.view !== "map") return setView(to);
  const from = { x: view.x, y: view.y, scale: view.scale };
  const begun = performance.now();
  const mine = ++flight;
  const step = (now) => {
    if (mine !== flight) return;
    const done = Math.min(1, Math.max(0, (now - begun) / 260));
    const eased = 1 - (1 - done) ** 3;
    const scale = from.scale * (to.scale / from.scale) ** eased;
    // the middle moves so that what is zoomed to stays on its way
    const share = to.scale === from.scale ? eased : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
    Object.assign(view, { scale, x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });
    emit("view");
    if (done < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

// By a factor, with the place under (x, y) staying where it is.
function zoomAt(factor, x, y, fly = false) {
  const fit = wholeScale();
  const scale = Math.min(Math.max(view.scale * factor, fit * 0.5), fit * DEEPEST);
  const target = {
    scale,
    x: toMapX(x) - (x - view.width / 2) / scale,
    y: toMapY(y) - (y - view.height / 2) / scale,
  };
  if (fly) flyTo(target);
  else setView(target);
}

function panBy(dx, dy) {
  setView({ scale: view.scale, x: view.x - dx / view.scale, y: view.y - dy / view.scale });
}

function showAll() {
  flyTo(fitting(view.extent));
}

// Moves only if most of the cluster is not to be seen, or is too small to be.
function showCluster(index) {
  if (index === NOISE || !state.scene.clusters[index].count) return;
  const core = state.scene.boxes[index];
  const [left, top, right, bottom] = [toScreenX(core[0]), toScreenY(core[1]), toScreenX(core[2]), toScreenY(core[3])];
  const seen = left > -20 && top > -20 && right < view.width + 20 && bottom < view.height + 20;
  const large = Math.max(right - left, bottom - top) > Math.min(view.width, view.height) * 0.06;
  if (seen && large) return;
  const target = fitting(core, 0.45);
  flyTo({ ...target, scale: Math.min(target.scale, wholeScale() * 40) });
}

function showRow(row) {
  const [x, y] = [state.scene.x[row], state.scene.y[row]];
  const [sx, sy] = [toScreenX(x), toScreenY(y)];
  const seen = sx > 30 && sy > 30 && sx < view.width - 30 && sy < view.height - 30;
  if (!seen || view.scale < wholeScale() * 2) flyTo({ x, y, scale: Math.max(view.scale, wholeScale() * 3) });
}

// Of each cluster the middle nine tenths in either direction, and its middle, so that a few far rows move neither.
function measureClusters(scene) {
  const most = 400;
  scene.boxes = [];
  scene.middles = [];
  for (const { start, count } of scene.clusters) {
    const step = Math.max(1, Math.ceil(count / most));
    const xs = [];
    const ys = [];
    for (let row = start; row < start + count; row += step) {
      xs.push(scene.x[row]);
      ys.push(scene.y[row]);
    }
    xs.sort((a, b) => a - b);
    ys.sort((a, b) => a - b);
    const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    scene.boxes.push([at(xs, 0.05), at(ys, 0.05), at(xs, 0.95), at(ys, 0.95)]);
    scene.middles.push([at(xs, 0.5), at(ys, 0.5)]);
  }
}
