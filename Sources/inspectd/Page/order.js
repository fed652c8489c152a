// Where frames lie on the map. Positions are in frames: one frame is a square of 1 by 1.
//
// A tile is what one request brings: 65536 cells. Zoom z has cells of 2^z by 2^z frames.

const tileCells = 1 << 16;
const side = 256;

/** Order of the smallest square with sides of a power of two that holds the frames; never less than one tile. */
function orderFor(frames) {
  let order = 8;
  while (4 ** order < frames) order += 1;
  return order;
}

// The four orientations of the curve are a group of two mirrors: 1 mirrors at the diagonal, 2 at the other one.
const turns = [1, 0, 0, 2];
const quadrantX = [0, 0, 1, 1];
const quadrantY = [0, 1, 1, 0];
/** The root's orientation: with 1 the first half of memory is the upper half, not the left one. */
const root = 1;

function corner(quadrant, turn) {
  let x = quadrantX[quadrant];
  let y = quadrantY[quadrant];
  if (turn & 1) [x, y] = [y, x];
  if (turn & 2) [x, y] = [1 - y, 1 - x];
  return [x, y];
}

const corners = [0, 1, 2, 3].map((turn) => [0, 1, 2, 3].map((quadrant) => corner(quadrant, turn)));

/** For each orientation: where the cells of a tile go, row by row. */
const tables = [0, 1, 2, 3].map(() => null);

function table(turn) {
  if (tables[turn]) return tables[turn];
  const result = new Uint16Array(tileCells);
  let next = 0;
  const walk = (x, y, size, orientation) => {
    if (size === 1) {
      result[next] = y * side + x;
      next += 1;
      return;
    }
    const half = size / 2;
    for (let quadrant = 0; quadrant < 4; quadrant += 1) {
      const [right, down] = corners[orientation][quadrant];
      walk(x + right * half, y + down * half, half, orientation ^ turns[quadrant]);
    }
  };
  walk(0, 0, side, turn);
  tables[turn] = result;
  return result;
}

/** Frames along a Hilbert curve: what is near in memory is near on the map, at every zoom. */
export class HilbertOrder {
  constructor(frames) {
    this.frames = frames;
    this.order = orderFor(frames);
    this.maximumZoom = this.order - 8;
    this.bounds = this.#bounds();
  }

  /** Size of a tile in frames. */
  tileSize(zoom) { return [side * 2 ** zoom, side * 2 ** zoom]; }
  /** Size of a tile in cells. */
  tileCells() { return [side, side]; }

  position(index) {
    let [x, y, turn] = [0, 0, root];
    for (let size = 2 ** (this.order - 1), part = 4 ** (this.order - 1); size >= 1; size /= 2, part /= 4) {
      const quadrant = Math.floor(index / part) & 3;
      const [right, down] = corners[turn][quadrant];
      x += right * size;
      y += down * size;
      turn ^= turns[quadrant];
    }
    return [x, y];
  }

  /** The index at a position, and the orientation there, down to squares of `until` frames. */
  #descend(x, y, until) {
    let [index, turn] = [0, root];
    for (let size = 2 ** (this.order - 1), part = 4 ** (this.order - 1); size >= until; size /= 2, part /= 4) {
      const right = Math.floor(x / size) & 1;
      const down = Math.floor(y / size) & 1;
      const quadrant = corners[turn].findIndex((place) => place[0] === right && place[1] === down);
      index += quadrant * part;
      turn ^= turns[quadrant];
    }
    return { index, turn };
  }

  /** The frame at a position; null where there is none. */
  index(x, y) {
    const size = 2 ** this.order;
    if (x < 0 || y < 0 || x >= size || y >= size) return null;
    const { index } = this.#descend(Math.floor(x), Math.floor(y), 1);
    return index < this.frames ? index : null;
  }

  /** What to ask for; null for tiles without frames. */
  request(zoom, column, row) {
    const size = side * 2 ** zoom;
    if (column < 0 || row < 0 || column * size >= 2 ** this.order || row * size >= 2 ** this.order) return null;
    const { index } = this.#descend(column * size, row * size, size);
    if (index >= this.frames) return null;
    return { first: index, count: Math.min(size * size, this.frames - index), level: 2 * zoom };
  }

  /** An answer's cells, row by row. */
  arrange(zoom, column, row, data) {
    const size = side * 2 ** zoom;
    const places = table(this.#descend(column * size, row * size, size).turn);
    const result = new Uint8Array(tileCells).fill(255);
    const length = Math.min(data.length, tileCells);
    for (let cell = 0; cell < length; cell += 1) result[places[cell]] = data[cell];
    return result;
  }

  #bounds() {
    const step = 2 ** Math.max(0, this.order - 4);
    let [right, bottom] = [0, 0];
    for (let part = 0; part < 256 && part * step * step < this.frames; part += 1) {
      const [x, y] = this.position(part * step * step);
      right = Math.max(right, Math.floor(x / step) * step + step);
      bottom = Math.max(bottom, Math.floor(y / step) * step + step);
    }
    return { x: 0, y: 0, width: right, height: bottom };
  }
}

/** Frames in rows, as text runs. */
export class LinearOrder {
  constructor(frames) {
    this.frames = frames;
    this.order = orderFor(frames);
    this.width = 2 ** this.order;
    this.maximumZoom = this.order - 8;
    this.bounds = { x: 0, y: 0, width: this.width, height: Math.max(1, Math.ceil(frames / this.width)) };
  }

  #rows(zoom) { return (tileCells / this.width) * 4 ** zoom; }

  tileSize(zoom) { return [this.width, this.#rows(zoom)]; }
  tileCells(zoom) { return [this.width / 2 ** zoom, this.#rows(zoom) / 2 ** zoom]; }
  position(index) { return [index % this.width, Math.floor(index / this.width)]; }

  index(x, y) {
    if (x < 0 || y < 0 || x >= this.width) return null;
    const index = Math.floor(y) * this.width + Math.floor(x);
    return index < this.frames ? index : null;
  }

  request(zoom, column, row) {
    const first = row * this.#rows(zoom) * this.width;
    if (column !== 0 || row < 0 || first >= this.frames) return null;
    return { first, count: Math.min(this.#rows(zoom) * this.width, this.frames - first), level: 2 * zoom };
  }

  // A request's cells are runs of 4^z frames within a row; a cell of the map is 2^z of 2^z. So each run is drawn as
  // 2^z cells, and 2^z rows become one: by `merge`.
  arrange(zoom, column, row, data, merge) {
    const [columns, rows] = this.tileCells(zoom);
    const factor = 2 ** zoom;
    const runs = columns / factor;
    const result = new Uint8Array(columns * rows).fill(255);
    for (let y = 0; y < rows; y += 1) {
      for (let run = 0; run < runs; run += 1) {
        const value = merge(data, y * factor * runs + run, runs, factor);
        if (value !== 255) result.fill(value, y * columns + run * factor, y * columns + (run + 1) * factor);
      }
    }
    return result;
  }
}
