// The page: what is shown follows the address (#/GUEST, #/GUEST/frame/0x1000, #/GUEST/finding/ID) and the daemon's events.

import { byID, keepTimes, setText } from "./dom.js";
import { addressOf, frameOf, parseFrame } from "./format.js";
import { Findings } from "./findings.js";
import { FramePanel } from "./frame.js";
import { frameLink, GuestHead, GuestList, guestLink } from "./guests.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { MapCard } from "./mapcard.js";
import { Pins } from "./pins.js";

const guests = new Map();
let selected = null;
/** How the frame that the address names next was chosen: by key the panel takes the focus, from the map the view stays. */
let manner = null;

const list = new GuestList();
const head = new GuestHead();
const card = new MapCard({
  open(frame, isByKey) {
    manner = { isByKey, isFromMap: true };
    const hash = frameLink(selected, addressOf(frame));
    if (location.hash === hash) route(); else location.hash = hash;
  },
});
const findings = new Findings({
  changed(open) {
    const { base, frames } = card.map;
    const marks = open.toSorted((one, other) => rank(one) - rank(other)).flatMap(({ severity, frames: ranges }) =>
      (ranges ?? []).slice(0, 4).map((range) => ({ index: frameOf(range.address) - base, severity })));
    card.map.setMarks(marks.filter(({ index }) => index >= 0 && index < frames));
    panel.showFindings();
  },
});
const panel = new FramePanel({
  findings: (address) => findings.about(address),
  worst: () => ({ guest: selected, findings: findings.open.toSorted((one, other) => rank(other) - rank(one)) }),
  colour: (state) => card.map.stateColour(state),
  show: (frame) => card.select(frame, true),
});
const pins = new Pins();
const history = new History();

const rank = ({ severity }) => ({ note: 0, warning: 1, error: 2 })[severity] ?? 0;

// MARK: The address

function parts() {
  const [, id, kind, name] = location.hash.split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return ""; }
  });
  return { id, kind, name };
}

function route() {
  const { id, kind, name } = parts();
  const wanted = guests.has(id) ? id : selected ?? guests.keys().next().value ?? null;
  if (wanted === null) return;
  if (wanted !== selected) choose(wanted);
  const chosen = manner;
  manner = null;
  const frame = kind === "frame" && name && id === selected ? parseFrame(name) : null;
  if (frame === null) {
    const hadFocus = byID("frame").contains(document.activeElement);
    panel.close();
    card.select(null);
    if (hadFocus && kind !== "finding") byID("map").focus();
  } else {
    const before = panel.shown;
    const isInPanel = byID("frame").contains(document.activeElement);
    if (before?.guest !== selected || before.number !== frame || chosen) panel.open(selected, frame, chosen ? chosen.isByKey : isInPanel || before !== null);
    card.select(frame, !chosen?.isFromMap);
    // On a narrow screen the panel lies below the map, out of sight.
    if (!chosen?.isByKey && matchMedia("(max-width: 60rem)").matches) byID("frame").scrollIntoView({ block: "nearest", behavior: calm() });
  }
  if (kind === "finding" && name) findings.reveal(name);
}

const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

function choose(id) {
  selected = id;
  const guest = guests.get(id);
  list.show([...guests.values()], selected);
  showTitle();
  head.show(guest);
  panel.close();
  card.setStates(null);
  findings.setGuest(id);
  pins.setGuest(id);
  history.setGuest(id);
  showMap(guest);
  loadAll();
}

function showMap(guest) {
  const frames = guest.slots ?? 0;
  card.map.setGuest(guest.id, guest.firstFrame ?? 0, frames);
  card.tell(frames > 0 ? null : guest.problem ?? guest.stateText ?? "This guest was not looked at yet.");
}

async function loadAll() {
  if (selected === null) return;
  card.map.sampled();
  pins.load();
  history.load();
  await findings.load();
  const { kind, name } = parts();
  if (kind === "finding" && name) findings.reveal(name);
}

// MARK: Events

function showTitle() {
  const open = guests.get(selected)?.openFindings ?? {};
  const total = (open.error ?? 0) + (open.warning ?? 0) + (open.note ?? 0);
  const title = selected === null ? "inspectd" : `${total ? `(${total}) ` : ""}${selected} · inspectd`;
  if (document.title !== title) document.title = title;
}

function showGuests() {
  const isEmpty = guests.size === 0;
  byID("no-guest").hidden = !isEmpty;
  byID("guest-view").hidden = isEmpty;
  list.show([...guests.values()], selected);
  showTitle();
}

/** Takes over the list of guests. Returns whether the one that is shown is still among them. */
function take(all) {
  guests.clear();
  for (const guest of all) guests.set(guest.id, guest);
  const isKnown = selected !== null && guests.has(selected);
  if (!isKnown) selected = null;
  showGuests();
  if (isKnown) {
    head.show(guests.get(selected));
    showMap(guests.get(selected));
  }
  return isKnown;
}

const live = new Live({
  status(state, text) {
    byID("connection").dataset.state = state;
    setText(byID("connection-text"), text);
  },
  guests(all) {
    const isKnown = take(all);
    if (isKnown) loadAll(); else route();
  },
  checked(all) {
    if (!take(all)) route();
  },
  state(guest) {
    const isNew = !guests.has(guest.id);
    guests.set(guest.id, guest);
    showGuests();
    if (guest.id === selected) {
      const frames = card.map.frames;
      head.show(guest);
      showMap(guest);
      if (card.map.frames !== frames) loadAll();
    } else if (isNew && selected === null) route();
  },
  sample(event) {
    const guest = guests.get(event.guest);
    if (!guest) return;
    guest.lastSample = event;
    guest.openFindings = event.findings ?? guest.openFindings;
    list.show([...guests.values()], selected);
    showTitle();
    if (event.guest !== selected) return;
    head.sampled(event);
    card.setStates(event.states ?? null);
    card.map.sampled();
    pins.refresh();
    history.refresh();
    panel.refresh();
  },
  finding(event) {
    if (event.guest !== selected) return;
    if (findings.take(event)) {
      const { severity, rule, message } = event.finding;
      setText(byID("news"), `New finding: ${severity}, ${rule}: ${message}`);
    }
  },
});

// MARK: Theme and start

const themes = ["system", "light", "dark"];
function showTheme() { setText(byID("theme"), `Theme: ${window.inspectdTheme.choice}`); }
byID("theme").addEventListener("click", () => {
  window.inspectdTheme.choice = themes[(themes.indexOf(window.inspectdTheme.choice) + 1) % themes.length];
  showTheme();
  card.map.repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => card.map.repaint());

// The address belongs to what is shown, so the link must not change it.
byID("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byID("map").focus();
});
byID("frame").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || selected === null) return;
  location.hash = guestLink(selected);
});
addEventListener("hashchange", route);
setInterval(keepTimes, 1000);
showTheme();
live.start();
