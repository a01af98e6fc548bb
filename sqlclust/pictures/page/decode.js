// The three blocks of data, unpacked: numbers in typed arrays, clusters as objects, texts as strings.

const NOISE = -1;

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

async function unpacked(id) {
  const element = document.getElementById(id);
  const bytes = bytesOfBase64(element.textContent);
  element.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// Arrays lie one after the other, each in planes: all first bytes, all second ones, and so on.
function arraysOf(bytes, layout) {
  const arrays = {};
  let from = 0;
  for (const [name, type, length] of layout) {
    const array = new ARRAYS[type](length);
    const width = array.BYTES_PER_ELEMENT;
    const flat = new Uint8Array(array.buffer);
    for (let plane = 0; plane < width; plane++) {
      for (let at = plane, end = flat.length; at < end; at += width) flat[at] = bytes[from++];
    }
    arrays[name] = array;
  }
  return arrays;
}

// Rows are in the order of labels, noise first, so each cluster is one piece of every array.
function clustersOf(head) {
  const startOf = new Map();
  let start = 0;
  for (const [label, count] of head.slices) {
    startOf.set(label, [start, count]);
    start += count;
  }
  const indexOf = new Map(head.clusters.map((cluster, index) => [cluster[0], index]));
  const clusters = head.clusters.map(
    ([label, size, share, persistence, medoid, terms, exemplars, near, colour], index) => ({
      index, label, size, share, persistence, medoid, terms, exemplars, colour,
      start: startOf.get(label)?.[0] ?? 0,
      count: startOf.get(label)?.[1] ?? 0,
      near: near.filter(([other]) => indexOf.has(other)).map(([other, distance]) => [indexOf.get(other), distance]),
      title: terms.length ? terms.slice(0, 3).join(", ") : `cluster ${label}`,
    }),
  );
  return [clusters, indexOf, startOf.get(NOISE) ?? [0, 0]];
}

function ownersOf(n, clusters) {
  const owner = new Int32Array(n).fill(NOISE);
  for (const cluster of clusters) owner.fill(cluster.index, cluster.start, cluster.start + cluster.count);
  return owner;
}

// Ids are kept as steps from one to the next.
function idsOf(steps) {
  const ids = new Float64Array(steps.length);
  let id = 0;
  for (let at = 0; at < ids.length; at++) ids[at] = id += steps[at];
  return ids;
}

async function decodeScene() {
  const head = JSON.parse(new TextDecoder().decode(await unpacked("data-head")));
  const arrays = arraysOf(await unpacked("data-rows"), head.arrays);
  const [clusters, indexOf, [noiseStart, noiseCount]] = clustersOf(head);
  return {
    ...head, ...arrays, clusters, indexOf, noiseStart, noiseCount,
    hasMap: Boolean(arrays.x) && head.n > 0,
    owner: ownersOf(head.n, clusters),
    ids: arrays.ids ? idsOf(arrays.ids) : null,
    textOf: null,
  };
}

async function decodeTexts(scene) {
  const whole = new TextDecoder().decode(await unpacked("data-texts"));
  const parts = whole.split("\x02");
  if (scene.texts.there) {
    scene.textOf = parts[0].split("\0");
    parts.shift();
  }
  if (scene.texts.ids) scene.ids = parts[0].split("\0");
}
