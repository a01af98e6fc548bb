// Elements and numbers. Texts go in as text and never as markup.

const byId = (id) => document.getElementById(id);

// make("li", { class: "row", onclick: f }, "text", element, …)
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A text of anybody's: what it does to the direction of writing ends where it ends.
const foreign = (text, className) => make("bdi", { class: className }, text);

const whole = (number) => number.toLocaleString("en-US");
const percent = (share) => (share > 0 && share < 0.001 ? "<0.1\u00a0%" : `${(share * 100).toFixed(1)}\u00a0%`);
const rowsText = (count) => (count === 1 ? "1 row" : `${whole(count)} rows`);

function short(number) {
  if (number === null || number === undefined) return "–";
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size >= 100000 || size < 0.001) return number.toExponential(1);
  return String(Number(number.toPrecision(3)));
}

// Colours are set by the CSSOM, which the policy allows; attributes named style are not.
function swatch(index) {
  const element = make("span", { class: "swatch", "aria-hidden": "true" });
  element.style.background = cssColour(index);
  element.dataset.cluster = String(index);
  return element;
}

function recolourSwatches() {
  for (const element of document.querySelectorAll("[data-cluster]")) {
    element.style.background = cssColour(Number(element.dataset.cluster));
  }
}

function labelled(index) {
  return [swatch(index), foreign(titleOf(index), "name")];
}

// A canvas as large as its box, in pixels of the device. Returns [width, height, ratio] in pixels of CSS.
function fitCanvas(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const width = Math.max(1, Math.round(box.width * ratio));
  const height = Math.max(1, Math.round(box.height * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return [box.width, box.height, ratio];
}

function nextFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// Beside a place, inside of its box.
function placeTip(tip, x, y, width, height) {
  tip.hidden = false;
  const [across, down] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(4, Math.min(x + 14, width - across - 4))}px`;
  tip.style.top = `${y + 18 + down > height ? Math.max(4, y - down - 12) : y + 18}px`;
}
