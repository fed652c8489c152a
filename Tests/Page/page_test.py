#!/usr/bin/env python3
"""Drives the page of `inspectd serve` in a headless Chromium.

    page_test.py                                          against mock.py, which it starts
    page_test.py http://127.0.0.1:8460/?token=… --plant CMD --restart CMD [--guest ID]
                                                          against a daemon that runs: CMD plants a finding in its guest,
                                                          and ends and starts the daemon
    --only NAME     only checks whose name contains NAME      --shots DIR    keeps screenshots
    --axe FILE      axe.min.js; otherwise taken from the PyPI package axe-core-python
"""

import argparse
import base64
import contextlib
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request
import zipfile

from browser import Browser, free_port

HERE = pathlib.Path(__file__).resolve().parent
# The browser itself reports each request that a daemon which is down refuses; nothing else may be in the console.
REFUSED = r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|SOCKET_NOT_CONNECTED)"

PIXELS = """
const canvas = document.querySelector('#map');
const data = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
const colours = new Map();
for (let at = 0; at < data.length; at += 7) colours.set(data[at], (colours.get(data[at]) ?? 0) + 1);
return {drawn: 1 - (colours.get(0) ?? 0) / Math.ceil(data.length / 7), colours: colours.size};
"""


class Mock:
    """mock.py in a process of its own, at one port throughout."""

    def __init__(self, *arguments):
        self.port, self.arguments, self.process = free_port(), arguments, None
        self.base = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, HERE / "mock.py", "--port", str(self.port), *self.arguments], stdout=subprocess.PIPE)
        if not self.process.stdout.readline():
            raise AssertionError("mock.py did not start")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.process.stdout.close()

    def post(self, path):
        with urllib.request.urlopen(urllib.request.Request(self.base + "_mock/" + path, method="POST"), timeout=20) as answer:
            return answer.read()

    def restart(self):
        self.end()
        time.sleep(1.5)
        self.start()


class Page:
    """What the checks need: the address, and how to plant and restart."""

    def __init__(self, options):
        self.options = options
        self.mock = None if options.base else Mock()
        self.base = options.base or self.mock.base
        self.shots = options.shots
        self.axe = None

    def plant(self):
        if self.mock:
            self.mock.post("plant")
        else:
            subprocess.run(self.options.plant, shell=True, check=True, timeout=120)

    def restart(self):
        if self.mock:
            self.mock.restart()
        else:
            subprocess.run(self.options.restart, shell=True, check=True, timeout=120)

    def open(self, browser):
        browser.open(self.base)
        if self.options.guest:
            browser.run("location.hash = '#/' + encodeURIComponent(arguments[0])", self.options.guest)
        browser.wait(lambda: browser.text("#connection-text") == "live", 30, "the page does not come to life")
        browser.wait(lambda: browser.run(PIXELS)["colours"] > 2, 30, "the map stays blank")

    def shot(self, browser, name):
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            browser.screenshot(self.shots / f"page-{name}.png")

    def check_axe(self, browser, where):
        """axe-core finds nothing; what it cannot decide does not count."""
        if self.axe is None:
            self.axe = axe_source(self.options.axe)
        browser.run(self.axe + "; return typeof axe")
        answer = browser.run_later("const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then("
                                   "result => done({passes: result.passes.length, violations: result.violations.map("
                                   "each => [each.id, each.impact, each.nodes.slice(0, 3).map(node => node.target.join(' ') + ': ' + node.failureSummary)])}),"
                                   "error => done({error: String(error)}))")
        assert not answer.get("error"), f"axe: {answer['error']}"
        assert answer["violations"] == [], f"axe on {where}: {answer['violations']}"
        return answer["passes"]


def axe_source(file):
    if file:
        return pathlib.Path(file).read_text()
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", directory, "axe-core-python==0.1.0"], check=True, timeout=180)
        with zipfile.ZipFile(next(pathlib.Path(directory).glob("*.whl"))) as wheel:
            return wheel.read("axe_core_python/axe.min.js").decode()


def check_console(browser, allowed=None):
    """The console has neither errors nor warnings, but for those that are allowed and the one about this test reading the canvas."""
    found = [message for level, message in browser.console()
             if level in ("SEVERE", "WARNING") and "willReadFrequently" not in message and not (allowed and re.search(allowed, message))]
    assert found == [], f"in the console: {found}"


def centre(browser):
    left, top, width, height = browser.box("#map")
    return left + width / 2, top + height / 2


def zoom_to_frames(browser):
    for _ in range(16):
        if "one frame" in (browser.text("#scale") or "") and browser.run("return document.querySelector('#scale').textContent.includes('4 KiB')"):
            break
        browser.click("#zoom-in")
        time.sleep(0.3)
    assert "one frame" in browser.text("#scale"), browser.text("#scale")


def wait_for_frame(browser):
    browser.wait(lambda: browser.run("return document.querySelectorAll('#frame-body tbody tr').length > 4"), 20, "the frame's slot does not come")
    return browser.text("#frame-title").removeprefix("Frame ")


# MARK: Checks


def loads_and_draws_without_shifting(page):
    with Browser() as browser:
        page.open(browser)
        time.sleep(3)
        pixels = browser.run(PIXELS)
        assert pixels["colours"] > 4, pixels
        assert pixels["drawn"] > 0.3, pixels
        shift = browser.run_later("const done = arguments[0]; let sum = 0; new PerformanceObserver(list => { for (const each of list.getEntries()) "
                                  "if (!each.hadRecentInput) sum += each.value; }).observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 300)")
        assert shift < 0.01, f"layout shift {shift}"
        assert browser.run("return document.querySelectorAll('#guests a').length") >= 1
        assert browser.run("return document.querySelectorAll('#legend button').length") >= 5
        page.shot(browser, "light")
        check_console(browser)
        return f"{pixels['colours']} colours, layout shift {shift:.4f}"


def zooms_to_single_frames_by_wheel_and_buttons(page):
    with Browser() as browser:
        page.open(browser)
        browser.wait(lambda: "cell" in browser.text("#scale"), 10, "the scale is not told")
        before = browser.text("#scale")
        x, y = centre(browser)
        for _ in range(4):
            browser.wheel(x, y, -200)
        time.sleep(0.5)
        assert browser.text("#scale") != before or "one frame" in before
        zoom_to_frames(browser)
        browser.wait(lambda: browser.run(PIXELS)["drawn"] > 0.9, 10, "the frames are not drawn")
        browser.click("#zoom-all")
        browser.wait(lambda: browser.text("#scale") == before, 10, "the whole memory does not come back")
        check_console(browser)
        return f"from '{before}'"


def hover_names_the_frame(page):
    with Browser() as browser:
        page.open(browser)
        x, y = centre(browser)
        browser.move_and_click(x + 3, y + 3, click=False)
        text = browser.wait(lambda: not browser.run("return document.querySelector('#tip').hidden") and browser.text("#tip"), 10, "nothing is shown at the pointer")
        assert re.match(r"0x[0-9a-f]+000", text), text
        check_console(browser)
        return text


def opens_a_frame_by_click(page):
    with Browser() as browser:
        page.open(browser)
        zoom_to_frames(browser)
        time.sleep(0.5)
        x, y = centre(browser)

        def agrees():
            # What is drawn under the pointer, what is said of it, and what the API says of that frame are the same. The middle of
            # the map is where cells meet: a few pixels beside it is inside of one.
            browser.move_and_click(x + 4, y + 4, click=False)
            told = browser.text("#readout")
            answer = browser.run_later("const [guest, first, done] = arguments; fetch(`/v1/guests/${guest}/map?by=state&level=0&count=1&first=${first}`)"
                                       ".then(answer => answer.json()).then(done)", guest, int(told.split(" ")[0], 16) >> 12)
            value = base64.b64decode(answer["data"])[0]
            pixel = browser.run("const canvas = document.querySelector('#map'); return [...canvas.getContext('2d').getImageData(Math.round(canvas.width / 2 + 4 * devicePixelRatio), "
                                "Math.round(canvas.height / 2 + 4 * devicePixelRatio), 1, 1).data].slice(0, 3).map(part => part.toString(16).padStart(2, '0')).join('')")
            return value == 255 or (f" {answer['kinds'][value]['name']}:" in told and "#" + pixel == answer["kinds"][value]["colour"].lower())

        guest = browser.run("return location.hash.split('/')[1] || document.querySelector('#guest-name').textContent")
        browser.wait(agrees, 15, "the map shows something else than the API")
        browser.move_and_click(x, y)
        address = wait_for_frame(browser)
        told = browser.text("#readout")
        api = browser.run_later("const done = arguments[2]; fetch(`/v1/guests/${arguments[0]}/frames/${Number(arguments[1]) / 4096}`).then(answer => answer.json()).then(done)", guest, address)
        assert api["address"] == address, (api["address"], address)
        for part in ("Biography", "Owner", "Slot"):
            assert browser.run("return [...document.querySelectorAll('#frame-body h3')].some(each => each.textContent === arguments[0])", part), part
        browser.wait(lambda: not browser.run("return document.querySelector('#frame-body').textContent.includes('Asking')"), 20, "the panel stays incomplete")
        page.check_axe(browser, "a frame")
        if page.shots:
            # A frame with a finding, its neighbours by number.
            browser.run("const list = [...document.querySelectorAll('.finding')]; (list.find(each => each.textContent.includes('hook-')) ?? list[0]).open = true")
            browser.wait(lambda: browser.run("const link = document.querySelector('.finding .links a'); link?.click(); return link"), 10, "no finding names a frame")
            wait_for_frame(browser)
            time.sleep(0.5)
            browser.click("#zoom-in")
            time.sleep(0.4)
            browser.click("#zoom-in")
            browser.run("scrollTo(0, 0)")
            time.sleep(1.5)
            page.shot(browser, "frame")
        check_console(browser)
        return f"{address} ({told})"


def works_by_keyboard_alone(page):
    with Browser() as browser:
        page.open(browser)
        browser.press("Tab")
        assert browser.run("return document.activeElement.id") == "skip"
        browser.press("Enter")
        assert browser.run("return document.activeElement.id") == "map"
        before = browser.text("#scale")
        browser.press("+", "+", "+")
        browser.wait(lambda: browser.text("#scale") != before or "one frame" in before, 5, "plus does not zoom")
        time.sleep(0.4)
        browser.press("Right", "Down", "Right")
        cursor = browser.text("#readout").split(" ")[0]
        assert cursor.startswith("0x"), cursor
        browser.press("Right", modifier="Shift")
        browser.press("Enter")
        address = wait_for_frame(browser)
        assert address == cursor, (address, cursor)
        assert browser.run("return document.activeElement.id") == "frame-title"
        browser.press("Escape")
        browser.wait(lambda: browser.text("#frame-title") == "Frame", 5, "Escape does not close the frame")
        assert browser.run("return document.activeElement.id") == "map"
        browser.press("0")
        browser.wait(lambda: browser.text("#scale") == before, 5, "0 does not show all of memory")
        # Each stop of the Tab key is seen: it has an outline.
        stops = []
        for _ in range(40):
            browser.press("Tab")
            stop = browser.run("const each = document.activeElement; if (each === document.body) return null; "
                               "const mark = each.type === 'radio' ? each.nextElementSibling : each.id === 'main' ? null : each; "
                               "return [each.id || each.textContent.trim().slice(0, 20) || each.tagName, mark ? getComputedStyle(mark).outlineStyle : 'solid']")
            if stop is None:
                break
            stops.append(stop)
        assert len(stops) > 12, stops
        assert all(outline != "none" for _, outline in stops), [stop for stop in stops if stop[1] == "none"]
        check_console(browser)
        return f"{address}, {len(stops)} stops"


def colours_by_everything_in_both_orders(page):
    with Browser() as browser:
        page.open(browser)
        seen = {}
        for order in ("linear", "hilbert"):
            browser.run("document.querySelector(`input[value=${arguments[0]}]`).click()", order)
            for by in ("order", "refcount", "generation", "pins", "findings", "state"):
                browser.run("const list = document.querySelector('#map-by'); list.value = arguments[0]; list.dispatchEvent(new Event('change', {bubbles: true}))", by)
                pixels = browser.wait(lambda: (lambda each: each if each["drawn"] > 0.3 else None)(browser.run(PIXELS)), 20, f"nothing is drawn by {by}")
                assert browser.run("return document.querySelector('#legend').dataset.by") == by
                seen[by] = pixels["colours"]
        # An entry of the legend makes its frames stand out: the others fade.
        browser.run("document.querySelector('#legend button').click()")
        assert browser.run("return document.querySelectorAll('#legend [aria-pressed=true]').length") == 1
        check_console(browser)
        return str(seen)


def shows_a_finding_within_two_seconds(page):
    with Browser() as browser:
        page.open(browser)
        browser.wait(lambda: "Asking" not in browser.text("#findings"), 20, "the findings do not come")
        before = set(browser.run("return [...document.querySelectorAll('.finding')].map(each => each.textContent)"))
        count = len(before)
        page.plant()
        start = time.monotonic()
        browser.wait(lambda: browser.run("return document.querySelectorAll('.finding').length") > count, 20, "the finding does not appear")
        took = time.monotonic() - start
        assert took <= page.options.limit, f"the finding took {took:.2f} s"
        assert browser.text("#news").startswith("New finding:"), browser.text("#news")
        browser.run("const each = document.querySelector('.finding'); each.scrollIntoView(); each.open = true")
        browser.wait(lambda: browser.run("return document.querySelector('.finding-body table') !== null"), 10, "the evidence does not come")
        page.check_axe(browser, "findings")
        if page.mock:
            browser.run("[...document.querySelectorAll('.finding')].find(each => each.textContent.includes('hook-')).open = true; document.querySelector('.finding').open = false")
        browser.run("const open = document.querySelector('.finding[open]'), list = document.querySelector('#findings'); "
                    "list.scrollTop += open.getBoundingClientRect().top - list.getBoundingClientRect().top; document.querySelector('.pair').scrollIntoView()")
        time.sleep(2.6)
        page.shot(browser, "findings")
        # A finding leads to its frame.
        link = browser.run("const link = document.querySelector('.finding .links a'); link.click(); return link.textContent.split(' ')[0]")
        assert wait_for_frame(browser) == link
        check_console(browser)
        return f"after {took:.2f} s"


def text_of_the_guest_is_never_markup(page):
    with Browser() as browser:
        page.open(browser)
        page.mock.post("plant?message=" + urllib.parse.quote("<img src=x onerror=alert(1)><b id=planted>bold</b>"))
        browser.wait(lambda: "onerror=alert(1)" in (browser.text("#findings") or ""), 10, "the finding does not appear")
        assert not browser.run("return document.querySelector('#planted') || document.querySelector('#findings img')")
        check_console(browser)


def survives_a_restart_of_the_daemon(page):
    with Browser() as browser:
        page.open(browser)
        browser.run("window.mark = 1; window.states = []; new MutationObserver(() => window.states.push(document.querySelector('#connection').dataset.state))"
                    ".observe(document.querySelector('#connection'), {attributes: true})")
        start = time.monotonic()
        page.restart()
        browser.wait(lambda: "lost" in browser.run("return window.states"), 30, "the loss is not shown")
        back = time.monotonic()
        browser.wait(lambda: browser.run("return document.querySelector('#connection').dataset.state") == "live", 60, "the page does not come back")
        took = time.monotonic() - back
        sample = browser.text(".facts")
        browser.wait(lambda: browser.text(".facts") != sample, 30, "no sample comes after the restart")
        assert browser.run("return window.mark") == 1, "the page was loaded anew"
        time.sleep(3)
        assert browser.run(PIXELS)["colours"] > 4
        assert browser.run("return document.querySelector('#map-message').hidden"), browser.text("#map-message")
        check_console(browser, REFUSED)
        return f"live again {took:.1f} s after the daemon was back, {time.monotonic() - start:.1f} s in all"


def pans_and_zooms_at_interactive_speed(page):
    with Browser() as browser:
        page.open(browser)
        time.sleep(2)
        frames = browser.text("#facts").split("Frame table")[1].split(" frames")[0]
        x, y = centre(browser)
        results = {}
        record = ("window.deltas = []; window.longest = 0; let last = performance.now(); window.recording = true; const step = now => { window.deltas.push(now - last); last = now; "
                  "if (window.recording) requestAnimationFrame(step); }; requestAnimationFrame(step)")

        def measure(name, action):
            browser.run(record)
            action()
            deltas = sorted(browser.run("window.recording = false; return window.deltas.slice(1)"))
            assert len(deltas) > 20, f"{name}: {len(deltas)} pictures"
            results[name] = (statistics.median(deltas), deltas[int(len(deltas) * 0.95)], len(deltas))

        def pan():
            for dx, dy in ((-260, -120), (240, 180), (-200, 160), (260, -200)):
                browser.drag((x, y), (x + dx, y + dy), steps=40, duration=16)

        def zoom():
            for amount in (-120, -120, -120, -120, 120, 120, -120, -120, 120, 120, 120, 120):
                browser.wheel(x, y, amount)
                time.sleep(0.05)

        measure("zoom", zoom)
        for _ in range(3):
            browser.wheel(x, y, -200)
        time.sleep(1)
        measure("pan", pan)
        zoom_to_frames(browser)
        measure("pan, single frames", pan)
        text = "; ".join(f"{name}: median {median:.1f} ms, p95 {high:.1f} ms, {number} pictures" for name, (median, high, number) in results.items())
        for name, (median, high, _) in results.items():
            assert median <= 34 and high <= 120, text
        check_console(browser)
        return f"{frames} frames; {text}"


def reads_on_a_phone(page):
    with Browser(360, 780, touch=True, scale=2) as browser:
        page.open(browser)
        time.sleep(2)
        assert browser.run("return document.documentElement.scrollWidth") <= 360
        page.check_axe(browser, "a phone")
        page.shot(browser, "phone")
        browser.run("document.querySelector('#map-box').scrollIntoView({block: 'center'})")
        before = browser.text("#scale")
        x, y = centre(browser)
        browser.pinch(x, y, 30, 130)
        browser.wait(lambda: browser.text("#scale") != before, 5, "two fingers do not zoom")
        browser.actions({"type": "pointer", "id": "finger", "parameters": {"pointerType": "touch"}, "actions": [
            {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]})
        address = wait_for_frame(browser)
        time.sleep(1)
        assert browser.run("return document.documentElement.scrollWidth") <= 360
        small = browser.run("return [...document.querySelectorAll('button, .button, select, summary')].filter(each => { const box = each.getBoundingClientRect(); "
                            "return box.width > 0 && (box.width < 24 || box.height < 24); }).map(each => each.textContent.trim())")
        assert small == [], f"too small to touch: {small}"
        page.shot(browser, "phone-frame")
        check_console(browser)
        return address


def works_in_the_dark(page):
    with Browser(dark=True, reduced_motion=True) as browser:
        page.open(browser)
        time.sleep(2)
        ground = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert all(int(part) < 40 for part in re.findall(r"\d+", ground)[:3]), ground
        assert browser.run(PIXELS)["colours"] > 4
        page.check_axe(browser, "dark")
        page.shot(browser, "dark")
        # The toggle wins over the system: dark to light, and it is kept.
        browser.click("#theme")
        assert browser.text("#theme") == "Theme: light"
        light = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert all(int(part) > 200 for part in re.findall(r"\d+", light)[:3]), light
        browser.open(page.base)
        assert browser.run("return document.documentElement.dataset.theme") == "light"
        check_console(browser)


def passes_axe_as_a_whole(page):
    with Browser() as browser:
        page.open(browser)
        browser.run("window.scrollTo(0, document.body.scrollHeight)")
        time.sleep(2)
        assert browser.run("return [...document.querySelectorAll('.plot .line')].some(each => each.getAttribute('d').length > 20)") or page.options.base, "no plot is drawn"
        passes = page.check_axe(browser, "the whole page")
        page.shot(browser, "history")
        check_console(browser)
        return f"{passes} rules passed"


def says_how_to_add_a_guest(page):
    empty = Mock("--empty")
    try:
        with Browser() as browser:
            browser.open(empty.base)
            browser.wait(lambda: browser.text("#connection-text") == "live", 20, "the page does not come to life")
            assert browser.run("return !document.querySelector('#no-guest').hidden && document.querySelector('#guest-view').hidden")
            page.check_axe(browser, "the page without guests")
            page.shot(browser, "empty")
            check_console(browser)
    finally:
        empty.end()


def tells_failures(page):
    with Browser() as browser:
        page.open(browser)
        browser.run("location.hash = '#/build-vm'")
        browser.wait(lambda: "Connection refused" in (browser.text("#guest-state") or ""), 10, "the problem of the guest is not told")
        assert "Connection refused" in browser.text("#map-message")
        browser.run("location.hash = '#/demo'")
        browser.wait(lambda: browser.run(PIXELS)["colours"] > 4, 20, "the map does not come back")
        page.mock.post("state?state=paused")
        browser.wait(lambda: "paused" in browser.text("#guest-state"), 5, "the state is not told")
        page.mock.post("state?state=watching")
        page.mock.post("fail?seconds=2")
        browser.run("location.hash = '#/demo/frame/0x1234000'")
        browser.wait(lambda: "try again" in browser.text("#frame-body"), 10, "the failure is not told")
        # Answers of 503 are in the console by the browser's own doing.
        check_console(browser, "status of 503")


def places_every_frame_once(page):
    with Browser() as browser:
        page.open(browser)
        problem = browser.run_later("""
            const done = arguments[0];
            import('/page/order.js').then(({HilbertOrder, LinearOrder}) => {
              for (const Order of [HilbertOrder, LinearOrder]) for (const frames of [1, 4097, 65536, 69632, 3 << 20, (1 << 22) - 5, 1 << 24]) {
                const order = new Order(frames);
                const name = `${Order.name}(${frames})`;
                for (let step = 0; step < 500; step += 1) {
                  const index = step < 2 ? step * (frames - 1) : Math.floor(Math.random() * frames);
                  const [x, y] = order.position(index);
                  if (order.index(x, y) !== index) return `${name}: ${index} lies at ${x},${y}, where ${order.index(x, y)} is`;
                  const {bounds} = order;
                  if (x >= bounds.width || y >= bounds.height) return `${name}: ${index} lies outside of the bounds`;
                  const zoom = step % (order.maximumZoom + 1);
                  const [width, height] = order.tileSize(zoom);
                  const [column, row] = [Math.floor(x / width), Math.floor(y / height)];
                  const request = order.request(zoom, column, row);
                  if (!request || index < request.first || index >= request.first + request.count) return `${name}: the tile of ${index} does not ask for it`;
                  if (Math.ceil(request.count / 2 ** request.level) > 65536) return `${name}: a tile asks for too many cells`;
                  // The cell with the frame is the only one that is set, and it must be drawn where the frame lies.
                  const data = new Uint8Array(Math.ceil(request.count / 2 ** request.level)).fill(255);
                  data[Math.floor((index - request.first) / 2 ** request.level)] = 1;
                  const cells = order.arrange(zoom, column, row, data, (list, start, stride, length) => {
                    for (let part = 0; part < length; part += 1) if (list[start + part * stride] === 1) return 1;
                    return 255;
                  });
                  const at = Math.floor((y - row * height) / 2 ** zoom) * order.tileCells(zoom)[0] + Math.floor((x - column * width) / 2 ** zoom);
                  if (cells[at] !== 1) return `${name}: frame ${index} is not drawn at zoom ${zoom}`;
                }
              }
              return null;
            }).then(done, error => done(String(error)));""")
        assert problem is None, problem
        check_console(browser)


CHECKS = [
    loads_and_draws_without_shifting, places_every_frame_once, zooms_to_single_frames_by_wheel_and_buttons, hover_names_the_frame, opens_a_frame_by_click, works_by_keyboard_alone,
    colours_by_everything_in_both_orders, shows_a_finding_within_two_seconds, survives_a_restart_of_the_daemon, pans_and_zooms_at_interactive_speed,
    reads_on_a_phone, works_in_the_dark, passes_axe_as_a_whole,
]
# What takes a daemon that does as it is told: wrong answers, no guests, markup in a guest's text.
MOCK_CHECKS = [text_of_the_guest_is_never_markup, says_how_to_add_a_guest, tells_failures]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?")
    parser.add_argument("--plant")
    parser.add_argument("--restart")
    parser.add_argument("--guest")
    parser.add_argument("--limit", type=float, default=2.0, help="seconds within which a finding must be shown")
    parser.add_argument("--only", default="")
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("--axe")
    options = parser.parse_args()
    if options.base and not (options.plant and options.restart):
        parser.error("with an address, --plant and --restart are needed as well")
    page = Page(options)
    failed = 0
    try:
        for check in CHECKS + (MOCK_CHECKS if page.mock else []):
            name = check.__name__.replace("_", " ")
            if options.only not in name:
                continue
            start = time.monotonic()
            try:
                detail = check(page)
            except Exception as error:
                failed += 1
                print(f"FAIL  {name}: {error}", flush=True)
                if not isinstance(error, AssertionError) or not str(error):
                    traceback.print_exc()
            else:
                print(f"ok    {name} ({time.monotonic() - start:.1f} s){': ' + detail if detail else ''}", flush=True)
    finally:
        if page.mock:
            with contextlib.suppress(Exception):
                page.mock.end()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
