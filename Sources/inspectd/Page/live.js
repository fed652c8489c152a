// The connection to the daemon: what there is now, then events, again and again as long as the page is open.

import * as api from "./api.js";

const firstDelay = 500;
const longestDelay = 5000;
/** The list of guests is asked for again so often: a stream that died silently is noticed, and so is a guest that was removed. */
const check = 20000;

/**
 * Keeps connected. Each time it gets through it asks for the guests anew, so events that were missed do not matter.
 *
 * Handlers: `status(state, text)`, `guests(list)` after connecting, `checked(list)` now and then, `state(guest)`, `sample(event)`, `finding(event)`.
 */
export class Live {
  #handlers;
  #source = null;
  #delay = firstDelay;
  #timer = 0;
  #checkTimer = 0;

  isConnected = false;

  constructor(handlers) { this.#handlers = handlers; }

  start() {
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#retryNow(); });
    this.#connect();
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    // The list comes by an ordinary request first: it tells why, where an event stream only fails.
    let list;
    try {
      list = await api.guests();
    } catch (problem) {
      this.#lost(problem.status === 401 || problem.status === 403
        ? "access refused: open the address with its token again" : null);
      return;
    }
    const source = new EventSource("/v1/events");
    this.#source = source;
    source.onopen = async () => {
      // Asked again: between the first answer and the stream something may have happened.
      try { list = await api.guests(); } catch { /* the stream will tell */ }
      if (this.#source !== source) return;
      this.#delay = firstDelay;
      this.isConnected = true;
      this.#handlers.status("live", "live");
      this.#handlers.guests(list);
      this.#checkLater(source);
    };
    source.onerror = () => { if (this.#source === source) this.#lost(null); };
    for (const name of ["state", "sample", "finding"]) {
      source.addEventListener(name, (event) => {
        // What comes before the list of guests is in it already.
        if (this.#source !== source || !this.isConnected) return;
        let data;
        try { data = JSON.parse(event.data); } catch { return; }
        this.#handlers[name](data);
      });
    }
  }

  #checkLater(source) {
    clearTimeout(this.#checkTimer);
    this.#checkTimer = setTimeout(async () => {
      try {
        const list = await api.guests();
        if (this.#source === source) this.#handlers.checked(list);
      } catch (problem) {
        if (problem.status === 0 && this.#source === source) return this.#lost(null);
      }
      if (this.#source === source) this.#checkLater(source);
    }, check);
  }

  // The browser would try again at a fixed pace; closing and waiting longer each time spares a daemon that is down.
  #lost(reason) {
    clearTimeout(this.#checkTimer);
    this.#source?.close();
    this.#source = null;
    this.isConnected = false;
    const wait = this.#delay * (0.75 + Math.random() / 2);
    this.#delay = Math.min(longestDelay, this.#delay * 1.7);
    this.#handlers.status("lost", reason ?? "daemon not reached, trying again");
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #retryNow() {
    if (!this.#timer) return;
    this.#delay = firstDelay;
    this.#connect();
  }
}
