// Mouse, touch and keyboard on the map.

/** Movement in CSS pixels from which a press is a drag and no click. */
const slop = 5;

/** Connects a canvas with its map. Handlers: `hover({index, value, cell} or null, x, y)`, `open(index, isByKey)`, `cursor(index)`. */
export function connectInput(canvas, map, handlers) {
  const pointers = new Map();
  let moved = 0;
  let pinch = null;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) * map.ratio, y: (event.clientY - box.top) * map.ratio };
  };

  // One finger scrolls the page while all of memory is shown: there is nothing to move then.
  const adaptTouch = () => { canvas.style.touchAction = map.isWhole ? "pan-y" : "none"; };
  adaptTouch();

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    adaptTouch();
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) moved = 0;
    pinch = pointers.size === 2 ? spread() : null;
    handlers.hover(null);
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") handlers.hover(map.at(now.x, now.y), now.x / map.ratio, now.y / map.ratio);
      return;
    }
    pointers.set(event.pointerId, now);
    moved += Math.hypot(now.x - before.x, now.y - before.y) / map.ratio;
    if (pointers.size === 2 && pinch) {
      const next = spread();
      map.panBy(next.x - pinch.x, next.y - pinch.y);
      map.zoomBy(next.distance / pinch.distance, next.x, next.y, false);
      pinch = next;
    } else if (pointers.size === 1 && moved > slop) {
      canvas.classList.add("is-dragged");
      map.panBy(now.x - before.x, now.y - before.y);
    }
  });

  const release = (event, isClick) => {
    if (!pointers.delete(event.pointerId)) return;
    canvas.classList.remove("is-dragged");
    if (pinch) {
      // The finger that stays must not count as a click when it leaves.
      moved = slop + 1;
      pinch = null;
    }
    adaptTouch();
    const { x, y } = place(event);
    if (event.pointerType === "mouse") handlers.hover(map.at(x, y), x / map.ratio, y / map.ratio);
    if (!isClick || moved > slop || pointers.size > 0) return;
    const index = map.markAt(x, y) ?? map.at(x, y)?.index ?? null;
    if (index !== null) handlers.open(index, false);
  };
  canvas.addEventListener("pointerup", (event) => release(event, true));
  canvas.addEventListener("pointercancel", (event) => release(event, false));
  canvas.addEventListener("pointerleave", () => { if (pointers.size === 0) handlers.hover(null); });

  function spread() {
    const [one, other] = [...pointers.values()];
    return {
      x: (one.x + other.x) / 2, y: (one.y + other.y) / 2,
      distance: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)),
    };
  }

  canvas.addEventListener("wheel", (event) => {
    // All of memory is shown already: then the wheel is for the page.
    if (event.deltaY > 0 && map.isWhole && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const strength = event.ctrlKey ? 0.01 : 0.0022;
    const { x, y } = place(event);
    map.zoomBy(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * strength), x, y, false);
    handlers.hover(map.at(x, y), x / map.ratio, y / map.ratio);
  }, { passive: false });

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !map.isReady) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) {
      map.panBy(-arrow[0] * canvas.width / 4, -arrow[1] * canvas.height / 4, true);
    } else if (arrow) {
      moveCursor(map.beside(map.cursor ?? map.selected ?? map.middle, arrow[0], arrow[1]));
    } else if (event.key === "+" || event.key === "=" || event.key === "-" || event.key === "_") {
      const [x, y] = map.cursor === null ? [canvas.width / 2, canvas.height / 2] : map.pointOf(map.cursor);
      map.zoomBy(event.key === "+" || event.key === "=" ? 2 : 0.5, x, y);
    } else if (event.key === "0" || event.key === "Home") {
      map.fit();
    } else if (event.key === "Enter" || event.key === " ") {
      const index = map.cursor ?? map.middle;
      moveCursor(index);
      handlers.open(index, true);
    } else return;
    event.preventDefault();
  });

  canvas.addEventListener("focus", () => {
    if (map.isReady && map.cursor === null) map.cursor = map.selected ?? map.middle;
    map.draw();
  });
  canvas.addEventListener("blur", () => map.draw());

  function moveCursor(index) {
    map.cursor = index;
    map.reveal(index, false);
    handlers.cursor(index);
  }
}
