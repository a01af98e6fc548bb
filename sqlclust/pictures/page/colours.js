// Colours of clusters, and how they are mixed with the ground.

const INK = {
  light: { ground: [252, 252, 251], noise: [200, 202, 206], text: [32, 36, 42] },
  dark: { ground: [21, 23, 27], noise: [72, 76, 84], text: [232, 234, 238] },
};

const ink = () => INK[state.dark ? "dark" : "light"];

function rgbOf(index) {
  if (index === NOISE) return ink().noise;
  const palette = state.scene.palette[state.dark ? "dark" : "light"];
  return palette[state.scene.clusters[index].colour % palette.length];
}

const cssColour = (index) => `rgb(${rgbOf(index).join(" ")})`;

function mix(one, other, share) {
  return one.map((value, at) => Math.round(value + (other[at] - value) * share));
}

// As the pixels of an ImageData are read on machines that put the low byte first, which all that run browsers do.
const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
