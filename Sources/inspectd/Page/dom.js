// Building elements. Text only ever becomes text nodes: nothing that a guest says is read as HTML.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** An element with attributes (`on` holds event handlers) and children: nodes and texts, nested at will. */
export function el(tag, attributes, ...children) { return fill(document.createElement(tag), attributes, children); }

/** The same for SVG. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(svgSpace, tag), attributes, children);
}

/** Replaces what is in a node. */
export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
}

/** Sets a node's text if it differs, so that unchanged text costs no layout and is not announced again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const byID = (id) => document.getElementById(id);

/** A moment, as text that is kept up to date by `keepTimes`. */
export function moment(iso, format) {
  const node = el("time", { datetime: iso, title: new Date(iso).toLocaleString() });
  node.textContent = format(iso);
  moments.set(node, format);
  return node;
}

const moments = new WeakMap();

/** Writes the relative times of the page anew. */
export function keepTimes() {
  for (const node of document.querySelectorAll("time")) {
    const format = moments.get(node);
    if (format) setText(node, format(node.getAttribute("datetime")));
  }
}
