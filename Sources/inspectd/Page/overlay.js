// What is drawn over the map's cells: lines and numbers between frames that are large enough, and marks.

import { luminance, markColour } from "./palette.js";

/** From this size on frames have lines between them, and from that size on their number; in CSS pixels. */
const lined = 10;
const labelled = 60;
/** Sizes of marks. */
const radii = { note: 3, warning: 4, error: 5 };

/** Draws everything; `scene` is what the map knows. */
export function drawOverlay(context, scene) {
  const scale = scene.view.scale / scene.ratio;
  if (scale >= lined) lines(context, scene);
  if (scale >= labelled) numbers(context, scene);
  for (const each of scene.marks) mark(context, scene, each);
  if (scene.cursor !== null) box(context, scene, scene.cursor, 2, [4, 3]);
  if (scene.selected !== null) box(context, scene, scene.selected, 2.5, []);
  context.setLineDash([]);
}

/** The frames that are seen: first and last column and row. */
function seen({ view, size, order }) {
  const { bounds } = order;
  return {
    left: Math.max(0, Math.floor(view.x)), top: Math.max(0, Math.floor(view.y)),
    right: Math.min(bounds.width, view.x + size.width / view.scale), bottom: Math.min(bounds.height, view.y + size.height / view.scale),
  };
}

function lines(context, scene) {
  const { view, ratio } = scene;
  const { left, top, right, bottom } = seen(scene);
  context.setLineDash([]);
  context.strokeStyle = scene.ground;
  context.lineWidth = Math.max(1, Math.round(ratio));
  context.beginPath();
  for (let column = left; column <= right; column += 1) {
    const at = Math.round((column - view.x) * view.scale);
    context.moveTo(at, (top - view.y) * view.scale);
    context.lineTo(at, (bottom - view.y) * view.scale);
  }
  for (let row = top; row <= bottom; row += 1) {
    const at = Math.round((row - view.y) * view.scale);
    context.moveTo((left - view.x) * view.scale, at);
    context.lineTo((right - view.x) * view.scale, at);
  }
  context.stroke();
}

function numbers(context, scene) {
  const { view, ratio, order } = scene;
  const { left, top, right, bottom } = seen(scene);
  context.font = `${11 * ratio}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const index = order.index(column, row);
      if (index === null) continue;
      const colour = scene.colour(column, row);
      context.fillStyle = !colour ? scene.ink : luminance(colour) > 0.18 ? "#000" : "#fff";
      context.fillText((scene.base + index).toString(16), (column + 0.5 - view.x) * view.scale, (row + 0.5 - view.y) * view.scale);
    }
  }
}

function middle({ view, order }, index) {
  const [x, y] = order.position(index);
  return [(x + 0.5 - view.x) * view.scale, (y + 0.5 - view.y) * view.scale];
}

// Each mark has two rims, light and dark: it stays visible on cells of any colour. The worse, the larger.
function mark(context, scene, { index, severity }) {
  const [x, y] = middle(scene, index);
  if (x < -20 || y < -20 || x > scene.size.width + 20 || y > scene.size.height + 20) return;
  const { ratio } = scene;
  const colour = markColour(severity);
  const cell = scene.view.scale * 0.34;
  const radius = Math.max((radii[severity] ?? 4) * ratio, cell);
  const circle = (width, stroke) => {
    context.lineWidth = width * ratio;
    context.strokeStyle = stroke;
    context.stroke();
  };
  context.setLineDash([]);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  circle(6, scene.ink);
  circle(4, scene.ground);
  circle(2.5, colour);
  // Where frames are large enough, their own colour stays visible inside.
  if (radius > cell) {
    context.fillStyle = colour;
    context.fill();
  }
}

function box(context, scene, index, weight, dash) {
  const [x, y] = middle(scene, index);
  const half = Math.max(6 * scene.ratio, scene.view.scale / 2);
  for (const [stroke, width, pattern] of [[scene.ground, weight + 2.5, []], [scene.ink, weight, dash]]) {
    context.setLineDash(pattern.map((part) => part * scene.ratio));
    context.strokeStyle = stroke;
    context.lineWidth = width * scene.ratio;
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  }
}
