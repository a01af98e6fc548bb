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
  return Math.round(11.5 + 3.5 * Math.sqrt(share) - (view.width < 500 ? 1 : 0));
}

// Returns [{ cluster, text, x, y, size }], x and y in pixels of CSS.
function placeLabels(context) {
  const { clusters, middles, boxes } = state.scene;
  const placed = [];
  const order = state.selected !== null && state.selected !== NOISE
    ? [clusters[state.selected], ...clusters.filter((cluster) => cluster.index !== state.selected)]
    : clusters;
  for (const cluster of order) {
    const [x, y] = [toScreenX(middles[cluster.index][0]), toScreenY(middles[cluster.index][1])];
    if (x < -40 || y < -20 || x > view.width + 40 || y > view.height + 20) continue;
    const box = boxes[cluster.index];
    const isSelected = cluster.index === state.selected;
    if (!isSelected && Math.max(box[2] - box[0], box[3] - box[1]) * view.scale < 9) continue;
    const size = labelSize(cluster) + (isSelected ? 1 : 0);
    const text = mapLabel(cluster);
    const key = `${size} ${text}`;
    if (!widths.has(key)) {
      context.font = fontOf(size);
      widths.set(key, context.measureText(text).width);
    }
    const half = widths.get(key) / 2;
    const cx = isSelected ? Math.min(Math.max(x, half + 8), view.width - half - 8) : x;
    if (cx - half < 4 || cx + half > view.width - 4 || y < 12 || y > view.height - 12) continue;
    const taken = placed.some(
      (other) => Math.abs(other.x - cx) < other.half + half + 12 && Math.abs(other.y - y) < (other.size + size) / 2 + 9,
    );
    if (!taken) placed.push({ cluster, text, x: cx, y, size, half });
    if (placed.length >= 150) break;
  }
  return placed;
}

const fontOf = (size) => `600 ${size}px ${FONT}`;

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
    context.fillStyle = `rgb(${ink().text.join(" ")})`;
    context.fillText(text, x, y);
  }
  context.globalAlpha = 1;
  return placed.length;
}
