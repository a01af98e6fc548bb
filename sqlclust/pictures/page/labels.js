// Names on the map: those of the largest clusters first, none over another; so more appear while zooming.

const LABEL_LENGTH = 26;
const widths = new Map();

function mapLabel(cluster) {
  if (!cluster.terms.length) return String(cluster.label);
  const two = cluster.terms.slice(0, 2).join(", ");
  const text = two.length <= LABEL_LENGTH ? two : cluster.terms[0];
  return text.length <= LABEL_LENGTH ? text : `${text.slice(0, LABEL_LENGTH - 1)}…`;
}

function labelSize(cluster) {
  const share = cluster.count / state.scene.clusters[0].count;
  return Math.round(11 + 3.5 * Math.sqrt(share) - (view.width < 500 ? 0.6 : 0));
}

const fontOf = (size) => `600 ${size}px ${FONT}`;

function labelWidth(context, text, size) {
  const key = `${size} ${text}`;
  if (!widths.has(key)) {
    context.font = fontOf(size);
    widths.set(key, context.measureText(text).width);
  }
  return widths.get(key);
}

// Where a name may stand: on a cluster that is larger than it, else above, below, or on it.
function labelPlaces(index, half, size) {
  const { middles, boxes } = state.scene;
  const [x, y] = [toScreenX(middles[index][0]), toScreenY(middles[index][1])];
  const [top, bottom] = [toScreenY(boxes[index][1]), toScreenY(boxes[index][3])];
  const away = size / 2 + dotRadius() + 3;
  const across = toScreenX(boxes[index][2]) - toScreenX(boxes[index][0]);
  if (bottom - top > 5 * size && across > half * 1.6) return [[x, y]];
  return [[x, top - away], [x, bottom + away], [x, y]];
}

function labelFits(placed, x, y, half, size) {
  if (x - half < 4 || x + half > view.width - 4 || y < 12 || y > view.height - 12) return false;
  if (y > view.height - 40 && x - half < 250) return false; // the note below
  if (y > view.height - 130 && x + half > view.width - 56) return false; // the buttons
  const [across, down] = view.width < 500 ? [14, 12] : [10, 5];
  return !placed.some(
    (other) => Math.abs(other.x - x) < other.half + half + across && Math.abs(other.y - y) < (other.size + size) / 2 + down,
  );
}

// Returns [{ cluster, text, x, y, size, half }], x and y in pixels of CSS.
function placeLabels(context) {
  const { clusters, boxes } = state.scene;
  const placed = [];
  const chosen = state.selected !== null && state.selected !== NOISE ? clusters[state.selected] : null;
  const order = chosen ? [chosen, ...clusters.filter((cluster) => cluster !== chosen)] : clusters;
  for (const cluster of order) {
    const box = boxes[cluster.index];
    const [left, right] = [toScreenX(box[0]), toScreenX(box[2])];
    const [top, bottom] = [toScreenY(box[1]), toScreenY(box[3])];
    if (right < -20 || left > view.width + 20 || bottom < -20 || top > view.height + 20) continue;
    if (cluster !== chosen && Math.max(right - left, bottom - top) < 7) continue;
    const size = labelSize(cluster) + (cluster === chosen ? 1 : 0);
    const text = mapLabel(cluster);
    const half = labelWidth(context, text, size) / 2;
    const place = labelPlaces(cluster.index, half, size).find(([x, y]) => labelFits(placed, x, y, half, size));
    if (place) placed.push({ cluster, text, x: place[0], y: place[1], size, half });
    if (placed.length >= 150) break;
  }
  return placed;
}

function drawLabels(context) {
  const placed = placeLabels(context);
  const ground = `rgb(${ink().ground.join(" ")} / 0.86)`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { cluster, text, x, y, size } of placed.reverse()) {
    const dimmed = (state.selected !== null && cluster.index !== state.selected) || (state.hits && state.selected === null);
    context.font = fontOf(size);
    context.globalAlpha = dimmed ? 0.5 : 1;
    context.strokeStyle = ground;
    context.lineWidth = 4;
    context.strokeText(text, x, y);
    context.fillStyle = css(mix(rgbOf(cluster.index), ink().text, 0.5));
    context.fillText(text, x, y);
  }
  context.globalAlpha = 1;
  return placed.map(({ cluster }) => cluster.label);
}
