// The rows as dots, written into an image pixel by pixel: no GPU, and a hundred thousand in a few milliseconds.

const STRENGTHS = [0.5, 0.66, 0.83, 1]; // by depth: of members their probability

const VERY_MANY = 300_000; // rows of which each is a square of four pixels, and not round

let image = null;
let pixels = null;

// Radius in pixels of CSS: larger where there are few rows, and growing slowly while zooming.
function dotRadius() {
  const area = view.width * view.height;
  const base = Math.sqrt(area / Math.max(1, state.scene.n)) * 0.17;
  const zoom = Math.max(1, view.scale / wholeScale()) ** 0.45;
  return Math.min(Math.max(base, 0.75) * zoom, 5.5, Math.max(base, 3) * 1.8);
}

// Which pixels a dot covers, and how much of each, 0 to 256.
function stampOf(radius, width, strength) {
  const offsets = [];
  const covers = [];
  const reach = Math.ceil(radius + 0.5);
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)));
      if (cover > 0.04) {
        offsets.push(dy * width + dx);
        covers.push(Math.round(cover * strength * 256));
      }
    }
  }
  return { reach, offsets: Int32Array.from(offsets), covers: Int32Array.from(covers) };
}

function stamp(at, { offsets, covers }, colour) {
  const red = colour & 0xff00ff;
  const green = colour & 0x00ff00;
  for (let each = 0; each < offsets.length; each++) {
    const cover = covers[each];
    const pixel = at + offsets[each];
    if (cover >= 256) {
      pixels[pixel] = colour;
      continue;
    }
    const below = pixels[pixel];
    const rest = 256 - cover;
    const one = ((Math.imul(below & 0xff00ff, rest) + Math.imul(red, cover)) >>> 8) & 0xff00ff;
    const two = ((Math.imul(below & 0x00ff00, rest) + Math.imul(green, cover)) >>> 8) & 0x00ff00;
    pixels[pixel] = (0xff000000 | one | two) >>> 0;
  }
}

// What is painted: pieces of rows with a colour, those on top last. With hits, these alone have colours.
function paintOrder() {
  const { clusters } = state.scene;
  const pale = (rgb) => mix(ink().ground, rgb, state.dark ? 0.3 : 0.22);
  const order = [];
  const fromLarge = [NOISE, ...clusters.map((cluster) => cluster.index)];
  if (state.hits) {
    for (const index of fromLarge) order.push({ index, rgb: pale(rgbOf(index)), scale: 1, hits: false, flat: true });
    for (const index of fromLarge) {
      const rgb = index === NOISE ? mix(ink().noise, ink().text, 0.4) : rgbOf(index);
      order.push({ index, rgb, scale: 1.25, hits: true, flat: true });
    }
    return order;
  }
  for (const index of fromLarge) {
    if (index === state.selected) continue;
    const rgb = state.selected === null ? rgbOf(index) : pale(rgbOf(index));
    order.push({ index, rgb, scale: index === NOISE ? 0.8 : 1, hits: false, flat: state.selected !== null });
  }
  if (state.selected !== null) {
    const rgb = state.selected === NOISE ? mix(ink().noise, ink().text, 0.35) : rgbOf(state.selected);
    order.push({ index: state.selected, rgb, scale: 1.15, hits: false, flat: false });
  }
  return order;
}

// Draws every `stride`-th row.
function drawDots(canvas, stride) {
  const context = canvas.getContext("2d", { alpha: false });
  const [width, height] = [canvas.width, canvas.height];
  if (!image || image.width !== width || image.height !== height) {
    image = context.createImageData(width, height);
    pixels = new Uint32Array(image.data.buffer);
  }
  pixels.fill(packed(ink().ground));
  const radius = dotRadius() * view.ratio;
  for (const paint of paintOrder()) drawPiece(paint, radius * paint.scale, stride, width, height);
  context.putImageData(image, 0, 0);
}

function drawPiece({ index, rgb, hits, flat }, radius, stride, width, height) {
  const [start, count] = pieceOf(index);
  const { x, y, depth } = state.scene;
  const scale = view.scale * view.ratio;
  const left = width / 2 - view.x * scale;
  const top = height / 2 - view.y * scale;
  const isHit = hits ? state.hits : null;
  const colour = packed(rgb);
  const levels = flat || index === NOISE ? [1, 1, 1, 1] : STRENGTHS;
  const stamps = levels.map((strength) => stampOf(radius, width, strength));
  const shades = levels.map((strength) => packed(mix(ink().ground, rgb, strength)));
  const { reach } = stamps[3];
  const small = radius < 1.1 || (radius < 2.2 && state.scene.n > VERY_MANY);
  const side = small ? 2 : reach + 1;
  for (let row = start; row < start + count; row += stride) {
    if (isHit && !isHit[row]) continue;
    const px = (x[row] * scale + left) | 0;
    const py = (y[row] * scale + top) | 0;
    if (px < side || py < side || px >= width - side || py >= height - side) continue;
    const at = py * width + px;
    const level = depth[row] >> 6;
    if (small) {
      const shade = shades[level];
      pixels[at] = shade;
      if (radius > 0.8) pixels[at + 1] = pixels[at + width] = pixels[at + width + 1] = shade;
    } else stamp(at, stamps[level], colour);
  }
}
