// The tiles of one guest's map: fetched when they are looked at, kept, and fetched anew when the guest was sampled again.

import * as api from "./api.js";
import { merger, words } from "./palette.js";

const limit = 96;
const parallel = 4;
/** After a failed request nothing more is asked for this long, in milliseconds. */
const pause = 2000;

export class Tiles {
  #tiles = new Map();
  #running = new Map();
  #wanted = [];
  #quietUntil = 0;

  /** `changed()` is called when there is something new to draw, `answered(body)` with each answer, `failed(problem)`. */
  constructor({ guest, base, order, by, changed, answered, failed }) {
    Object.assign(this, { guest, base, order, by, changed, answered, failed });
    /** Grows with each sample; tiles that were asked for earlier are stale. */
    this.epoch = 0;
    this.colours = null;
  }

  /** New colours for all tiles. */
  paint(palette, emphasised, ground) {
    this.palette = palette;
    this.colours = words(palette.colours, emphasised, ground);
    for (const tile of this.#tiles.values()) this.#draw(tile);
  }

  /** The tile, if it was fetched. */
  tile(zoom, column, row) {
    const key = `${zoom}/${column}/${row}`;
    const tile = this.#tiles.get(key);
    if (tile) {
      // Most recently used last: the first of the map is the one to forget.
      this.#tiles.delete(key);
      this.#tiles.set(key, tile);
    }
    return tile ?? null;
  }

  isStale(tile) { return tile.epoch < this.epoch; }

  /** Says which tiles are looked at now, the most urgent first; others that were asked for before are dropped. */
  want(list) {
    this.#wanted = list.filter(({ zoom, column, row }) => !this.#running.has(`${zoom}/${column}/${row}`));
    this.#next();
  }

  end() {
    this.#wanted = [];
    for (const abort of this.#running.values()) abort.abort();
    this.#running.clear();
    this.#tiles.clear();
  }

  #next() {
    if (performance.now() < this.#quietUntil) return;
    while (this.#running.size < parallel && this.#wanted.length > 0) this.#fetch(this.#wanted.shift());
  }

  async #fetch({ zoom, column, row }) {
    const request = this.order.request(zoom, column, row);
    if (!request) return;
    const key = `${zoom}/${column}/${row}`;
    const abort = new AbortController();
    this.#running.set(key, abort);
    const { epoch } = this;
    try {
      const body = await api.cells(this.guest, { ...request, first: this.base + request.first, by: this.by }, { signal: abort.signal });
      if (this.#running.get(key) !== abort) return;
      this.#running.delete(key);
      this.answered(body);
      const tile = this.#tiles.get(key) ?? { canvas: document.createElement("canvas"), zoom, column, row };
      tile.epoch = epoch;
      tile.cells = this.order.arrange(zoom, column, row, body.data, merger(this.palette));
      this.#draw(tile);
      this.#tiles.set(key, tile);
      this.#forget();
      this.changed();
    } catch (problem) {
      if (this.#running.get(key) !== abort) return;
      this.#running.delete(key);
      this.#quietUntil = performance.now() + pause;
      this.failed(problem);
      setTimeout(() => this.changed(), pause + 50);
    }
    this.#next();
  }

  #draw(tile) {
    if (!this.colours) return;
    const [width, height] = this.order.tileCells(tile.zoom);
    if (tile.canvas.width !== width || tile.canvas.height !== height) {
      tile.canvas.width = width;
      tile.canvas.height = height;
      tile.image = null;
    }
    const context = tile.canvas.getContext("2d");
    const image = tile.image ?? context.createImageData(width, height);
    tile.image = image;
    const pixels = new Uint32Array(image.data.buffer);
    const { cells } = tile;
    const { colours } = this;
    for (let cell = 0; cell < pixels.length; cell += 1) pixels[cell] = colours[cells[cell]];
    context.putImageData(image, 0, 0);
  }

  #forget() {
    for (const [key, tile] of this.#tiles) {
      if (this.#tiles.size <= limit) return;
      // The coarsest tiles stay: they are drawn while finer ones are on their way.
      if (tile.zoom !== this.order.maximumZoom) this.#tiles.delete(key);
    }
  }
}
