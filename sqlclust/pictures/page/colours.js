// Colours of clusters, and how they are mixed with the ground.

const TEXT = { light: [32, 36, 42], dark: [232, 234, 238] };
let inkNow = null;

function inkOf(dark) {
  const theme = dark ? "dark" : "light";
  return { ...state.scene.themes[theme], text: TEXT[theme] };
}

const ink = () => inkNow;

function rgbOf(index) {
  if (index === NOISE) return inkNow.noise;
  const { palette } = inkNow;
  return palette[state.scene.clusters[index].colour % palette.length];
}

const css = (rgb) => `rgb(${rgb.join(" ")})`;
const cssColour = (index) => css(rgbOf(index));

function mix(one, other, share) {
  return one.map((value, at) => Math.round(value + (other[at] - value) * share));
}

// As the pixels of an ImageData are read on machines that put the low byte first, which all that run browsers do.
const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
