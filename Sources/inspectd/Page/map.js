// The frame map: tiles under a view that can be moved and zoomed, and marks on top.

import { HilbertOrder, LinearOrder } from "./order.js";
import { drawOverlay } from "./overlay.js";
import { luminance, palette } from "./palette.js";
import { Tiles } from "./tiles.js";

/** The largest frame, in CSS pixels. */
const largest = 72;
const markLimit = 300;
/** Stale tiles are fetched again at most this often, in milliseconds. */
const refreshInterval = 1500;

export class FrameMap {
  #canvas;
  #context;
  #handlers;
  #tiles = null;
  #guest = null;
  #frames = 0;
  #base = 0;
  #by = "state";
  #orderName = "hilbert";
  #order = null;
  #kinds = [];
  #palette = palette("state", [], false);
  #emphasised = null;
  #ratio = 1;
  #size = { width: 1, height: 1 };
  #isDirty = false;
  #marks = [];
  #animation = null;
  #lastRefresh = 0;
  #refreshTimer = 0;
  #isFitted = true;

  /** Device pixels per frame, and the position at the canvas' left upper corner. */
  view = { scale: 1, x: 0, y: 0 };
  /** The frame under the keyboard's cursor, and the one that is open: indices in the table, or null. */
  cursor = null;
  selected = null;

  /** Handlers: `view()`, `palette(palette)`, `problem(problem or null)`. */
  constructor(canvas, handlers) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: true });
    this.#handlers = handlers;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  get by() { return this.#by; }
  get base() { return this.#base; }
  get frames() { return this.#frames; }
  get palette() { return this.#palette; }
  get isReady() { return this.#order !== null; }
  get isWhole() { return this.#isFitted; }
  /** Device pixels per CSS pixel. */
  get ratio() { return this.#ratio; }
  /** The zoom whose cells are drawn. */
  get zoom() {
    return Math.min(this.#order.maximumZoom, Math.max(0, Math.ceil(-Math.log2(this.view.scale) - 0.05)));
  }

  /** Shows another guest, or another table of it. */
  setGuest(guest, base, frames) {
    if (guest === this.#guest && frames === this.#frames && base === this.#base) return;
    Object.assign(this, { cursor: null, selected: null });
    this.#guest = guest;
    this.#base = base;
    this.#frames = frames;
    this.#marks = [];
    this.#kinds = [];
    this.#renew(true);
  }

  /** The colour of a state by its name, where it is known. */
  stateColour(name) { return this.#kinds.find((kind) => kind.name === name)?.colour ?? null; }

  setMode(by) {
    if (by === this.#by) return;
    this.#by = by;
    this.#emphasised = null;
    this.#renew(false);
  }

  setOrder(name) {
    if (name === this.#orderName) return;
    this.#orderName = name;
    this.#renew(true);
  }

  /** Makes only some values stand out; null for all. */
  emphasise(values) {
    this.#emphasised = values;
    this.#paint();
  }

  /** Marks frames: `{index, severity}`, the worst last. */
  setMarks(list) {
    this.#marks = list.slice(-markLimit);
    this.draw();
  }

  /** The theme changed. */
  repaint() { this.#paint(); }

  /** The guest was sampled: what is shown is old. */
  sampled() {
    if (!this.#tiles) return;
    this.#tiles.epoch += 1;
    this.draw();
  }

  #renew(isElsewhere) {
    this.#tiles?.end();
    this.#tiles = null;
    this.#order = this.#frames > 0 ? (this.#orderName === "linear" ? new LinearOrder(this.#frames) : new HilbertOrder(this.#frames)) : null;
    if (this.#order) {
      this.#tiles = new Tiles({
        guest: this.#guest, base: this.#base, order: this.#order, by: this.#by,
        changed: () => this.draw(),
        answered: (body) => this.#learn(body),
        failed: (problem) => this.#handlers.problem(problem),
      });
      if (isElsewhere) this.fit(false);
    }
    this.#paint();
    if (isElsewhere && this.selected !== null) this.reveal(this.selected, false);
  }

  #learn(body) {
    this.#handlers.problem(null);
    if (body.by !== "state" || !Array.isArray(body.kinds)) return;
    const isSame = body.kinds.length === this.#kinds.length && body.kinds.every((kind, index) => kind.name === this.#kinds[index].name);
    if (isSame) return;
    this.#kinds = body.kinds;
    this.#paint();
  }

  #paint() {
    const style = getComputedStyle(document.documentElement);
    this.ground = style.getPropertyValue("--map").trim();
    this.ink = style.getPropertyValue("--text").trim();
    this.#palette = palette(this.#by, this.#kinds, luminance(this.ground) < 0.3);
    this.#tiles?.paint(this.#palette, this.#emphasised, this.ground);
    this.#handlers.palette(this.#palette);
    this.draw();
  }

  // MARK: The view

  /** Scale at which all frames are seen. */
  get #fitScale() {
    const { width, height } = this.#order.bounds;
    return Math.min(this.#size.width / width, this.#size.height / height);
  }

  #target(view) {
    const { bounds } = this.#order;
    const scale = Math.min(largest * this.#ratio, Math.max(this.#fitScale, view.scale));
    const place = (at, extent, length) => {
      const seen = length / scale;
      return extent <= seen ? (extent - seen) / 2 : Math.min(extent - seen, Math.max(0, at));
    };
    return { scale, x: place(view.x, bounds.width, this.#size.width), y: place(view.y, bounds.height, this.#size.height) };
  }

  /** Moves the view; with `isAnimated` smoothly, unless less motion is wanted. */
  setView(view, isAnimated) {
    if (!this.#order) return;
    const target = this.#target(view);
    this.#isFitted = target.scale <= this.#fitScale * 1.001;
    if (isAnimated && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#animation = { from: { ...this.view }, to: target, start: performance.now() };
    } else {
      this.#animation = null;
      this.view = target;
    }
    this.#handlers.view();
    this.draw();
  }

  /** Where the view will be when it stands still. */
  get destination() { return this.#animation?.to ?? this.view; }

  fit(isAnimated = true) { if (this.#order) this.setView({ scale: 0, x: 0, y: 0 }, isAnimated); }

  /** Zooms by a factor about a point of the canvas, in device pixels. */
  zoomBy(factor, x = this.#size.width / 2, y = this.#size.height / 2, isAnimated = true) {
    if (!this.#order) return;
    const { scale, x: left, y: top } = this.destination;
    const next = Math.min(largest * this.#ratio, Math.max(this.#fitScale, scale * factor));
    this.setView({ scale: next, x: left + x / scale - x / next, y: top + y / scale - y / next }, isAnimated);
  }

  panBy(x, y, isAnimated = false) {
    const view = this.destination;
    this.setView({ scale: view.scale, x: view.x - x / view.scale, y: view.y - y / view.scale }, isAnimated);
  }

  /** Brings a frame into view; with `isClose` so near that it can be told from its neighbours. */
  reveal(index, isAnimated = true, isClose = false) {
    if (!this.#order) return;
    const [x, y] = this.#order.position(index);
    const view = this.destination;
    const scale = isClose ? Math.max(view.scale, 24 * this.#ratio) : view.scale;
    const [seenX, seenY] = [this.#size.width / scale, this.#size.height / scale];
    const [marginX, marginY] = [seenX / 8, seenY / 8];
    const isSeen = scale === view.scale && x >= view.x + marginX && x + 1 <= view.x + seenX - marginX && y >= view.y + marginY && y + 1 <= view.y + seenY - marginY;
    if (!isSeen) this.setView({ scale, x: x + 0.5 - seenX / 2, y: y + 0.5 - seenY / 2 }, isAnimated);
    this.draw();
  }

  /** The frame at a point of the canvas in device pixels: its index, the value of its cell and how many frames that has. */
  at(x, y) {
    if (!this.#order) return null;
    const [left, top] = [this.view.x + x / this.view.scale, this.view.y + y / this.view.scale];
    const index = this.#order.index(left, top);
    return index === null ? null : { index, ...this.#value(Math.floor(left), Math.floor(top)) };
  }

  /** What is drawn for a frame. */
  valueOf(index) {
    if (!this.#order) return { value: null, cell: 1 };
    const [x, y] = this.#order.position(index);
    return this.#value(x, y);
  }

  #value(x, y) {
    for (let zoom = this.zoom; zoom <= this.#order.maximumZoom; zoom += 1) {
      const [width, height] = this.#order.tileSize(zoom);
      const [column, row] = [Math.floor(x / width), Math.floor(y / height)];
      const tile = this.#tiles.tile(zoom, column, row);
      if (!tile) continue;
      const [columns] = this.#order.tileCells(zoom);
      const cell = 2 ** zoom;
      const at = Math.floor((y - row * height) / cell) * columns + Math.floor((x - column * width) / cell);
      return { value: tile.cells[at], cell: cell * cell };
    }
    return { value: null, cell: 1 };
  }

  /** The marked frame near a point in device pixels, or null. */
  markAt(x, y) {
    if (!this.#order) return null;
    const reach = 8 * this.#ratio;
    for (const mark of [...this.#marks].reverse()) {
      const [left, top] = this.pointOf(mark.index);
      if (Math.hypot(left - x, top - y) <= reach) return mark.index;
    }
    return null;
  }

  /** The middle of a frame on the canvas, in device pixels. */
  pointOf(index) {
    const [x, y] = this.#order.position(index);
    return [(x + 0.5 - this.view.x) * this.view.scale, (y + 0.5 - this.view.y) * this.view.scale];
  }

  /** The frame one step beside another one; a step is a cell as it is drawn. */
  beside(index, columns, rows) {
    const step = 2 ** this.zoom * Math.max(1, Math.ceil((4 * this.#ratio) / (this.view.scale * 2 ** this.zoom)));
    const [x, y] = this.#order.position(index);
    return this.#order.index(x + columns * step, y + rows * step) ?? index;
  }

  /** The frame in the middle of the view, or the table's first. */
  get middle() { return this.at(this.#size.width / 2, this.#size.height / 2)?.index ?? 0; }

  #resize() {
    this.#ratio = Math.min(3, window.devicePixelRatio || 1);
    const [width, height] = [Math.max(1, Math.round(this.#canvas.clientWidth * this.#ratio)), Math.max(1, Math.round(this.#canvas.clientHeight * this.#ratio))];
    if (this.#canvas.width === width && this.#canvas.height === height && this.#size.width === width) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#size = { width, height };
    if (!this.#order) return;
    if (this.#isFitted) this.fit(false); else this.setView(this.view, false);
    this.#render(performance.now());
  }

  // MARK: Drawing

  /** Draws with the next picture of the screen. */
  draw() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    requestAnimationFrame((now) => {
      this.#isDirty = false;
      this.#render(now);
    });
  }

  #step(now) {
    if (!this.#animation) return;
    const { from, to, start } = this.#animation;
    const share = Math.min(1, Math.max(0, (now - start) / 220));
    const eased = 1 - (1 - share) ** 3;
    // Scale moves by factors and the point that keeps its place stays put: positions follow the inverse of the scale.
    const scale = from.scale * (to.scale / from.scale) ** eased;
    const part = from.scale === to.scale ? eased : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
    this.view = { scale, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
    if (share >= 1) {
      this.view = to;
      this.#animation = null;
    } else this.draw();
    this.#handlers.view();
  }

  #render(now) {
    this.#step(now);
    const context = this.#context;
    const { width, height } = this.#size;
    context.clearRect(0, 0, width, height);
    if (!this.#order || !this.#tiles) return;
    context.imageSmoothingEnabled = false;
    const { zoom } = this;
    const wanted = [];
    const layers = [];
    // From fine to coarse until a layer has no gap; drawn in the other direction.
    for (let layer = zoom; layer <= this.#order.maximumZoom; layer += 1) {
      const { tiles, missing, stale } = this.#seen(layer);
      layers.unshift(tiles);
      if (layer === zoom) wanted.push(...missing, ...(this.#mayRefresh(now, stale) ? stale : []));
      else if (layer === this.#order.maximumZoom) wanted.unshift(...missing);
      if (missing.length === 0) break;
    }
    for (const tiles of layers) for (const tile of tiles) this.#drawTile(context, tile);
    this.#tiles.want(wanted);
    drawOverlay(context, this.#scene());
  }

  /** While the page is hidden nothing is refreshed, and while it is shown not more often than it can be seen. */
  #mayRefresh(now, stale) {
    if (stale.length === 0 || document.hidden) return false;
    const wait = refreshInterval - (now - this.#lastRefresh);
    if (wait <= 0) {
      this.#lastRefresh = now;
      return true;
    }
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => this.draw(), wait + 10);
    return false;
  }

  #seen(zoom) {
    const [tileWidth, tileHeight] = this.#order.tileSize(zoom);
    const { scale, x, y } = this.view;
    const { bounds } = this.#order;
    const [right, bottom] = [Math.min(bounds.width, x + this.#size.width / scale), Math.min(bounds.height, y + this.#size.height / scale)];
    const result = { tiles: [], missing: [], stale: [] };
    for (let row = Math.max(0, Math.floor(y / tileHeight)); row * tileHeight < bottom; row += 1) {
      for (let column = Math.max(0, Math.floor(x / tileWidth)); column * tileWidth < right; column += 1) {
        if (!this.#order.request(zoom, column, row)) continue;
        const tile = this.#tiles.tile(zoom, column, row);
        if (tile) result.tiles.push(tile); else result.missing.push({ zoom, column, row });
        if (tile && this.#tiles.isStale(tile)) result.stale.push({ zoom, column, row });
      }
    }
    return result;
  }

  /** What lies over the cells, for the overlay to draw. */
  #scene() {
    return {
      view: this.view, size: this.#size, ratio: this.#ratio, order: this.#order, base: this.#base,
      ground: this.ground, ink: this.ink, marks: this.#marks, selected: this.selected,
      cursor: document.activeElement === this.#canvas ? this.cursor : null,
      colour: (column, row) => {
        const { value } = this.#value(column, row);
        const isFaded = value === null || (this.#emphasised && !this.#emphasised.has(value));
        return isFaded ? null : this.#palette.colours[value];
      },
    };
  }

  #drawTile(context, tile) {
    const [width, height] = this.#order.tileSize(tile.zoom);
    const { scale, x, y } = this.view;
    // Whole pixels, or hairlines show between tiles.
    const left = Math.round((tile.column * width - x) * scale);
    const top = Math.round((tile.row * height - y) * scale);
    const right = Math.round(((tile.column + 1) * width - x) * scale);
    const bottom = Math.round(((tile.row + 1) * height - y) * scale);
    context.drawImage(tile.canvas, left, top, right - left, bottom - top);
  }
}
