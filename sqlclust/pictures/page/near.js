// Which row is under the pointer: a grid over the map, made when it is first asked for.

let grid = null;

function gridOf() {
  if (grid) return grid;
  const { x, y, n } = state.scene;
  const side = Math.min(1024, Math.max(1, Math.ceil(Math.sqrt(n / 4))));
  const cell = 65536 / side;
  const starts = new Int32Array(side * side + 1);
  const cellOf = (row) => ((y[row] / cell) | 0) * side + ((x[row] / cell) | 0);
  for (let row = 0; row < n; row++) starts[cellOf(row) + 1]++;
  for (let at = 0; at < side * side; at++) starts[at + 1] += starts[at];
  const next = starts.slice(0, -1);
  const rows = new Int32Array(n);
  for (let row = 0; row < n; row++) rows[next[cellOf(row)]++] = row;
  grid = { side, cell, starts, rows };
  return grid;
}

// The nearest row within so many pixels of CSS, or -1. With hits only these; members before noise, as they are drawn.
function rowAt(screenX, screenY, pixelsAround) {
  const { side, cell, starts, rows } = gridOf();
  const { x, y, owner } = state.scene;
  const [mapX, mapY] = [toMapX(screenX), toMapY(screenY)];
  const around = pixelsAround / view.scale;
  const clampCell = (value) => Math.min(side - 1, Math.max(0, Math.floor(value / cell)));
  const [left, right] = [clampCell(mapX - around), clampCell(mapX + around)];
  const [top, bottom] = [clampCell(mapY - around), clampCell(mapY + around)];
  let best = -1;
  let least = around * around;
  for (let down = top; down <= bottom; down++) {
    for (let at = starts[down * side + left], end = starts[down * side + right + 1]; at < end; at++) {
      const row = rows[at];
      if (state.hits && !state.hits[row]) continue;
      const distance = (x[row] - mapX) ** 2 + (y[row] - mapY) ** 2;
      if (distance < least || (distance === least && best >= 0 && owner[best] === NOISE)) {
        least = distance;
        best = row;
      }
    }
  }
  return best;
}

// How many rows are in the same place: identical vectors are.
function rowsInPlace(row) {
  const { side, cell, starts, rows } = gridOf();
  const { x, y } = state.scene;
  const at = ((y[row] / cell) | 0) * side + ((x[row] / cell) | 0);
  let count = 0;
  for (let each = starts[at]; each < starts[at + 1]; each++) {
    if (x[rows[each]] === x[row] && y[rows[each]] === y[row]) count++;
  }
  return count;
}
