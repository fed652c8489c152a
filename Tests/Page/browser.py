"""A headless Chromium, driven by WebDriver's wire protocol with nothing but the standard library."""

import base64
import contextlib
import http.client
import json
import pathlib
import socket
import subprocess
import tempfile
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015", "Shift": "\ue008"}


def free_port():
    with contextlib.closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class BrowserError(Exception):
    """What the driver answered when it could not do what was asked."""


class Browser:
    """One session. `with Browser(...) as browser:` ends the browser and its driver whatever happens."""

    def __init__(self, width=1440, height=900, dark=False, reduced_motion=False, scale=1, touch=False):
        self.directory = tempfile.TemporaryDirectory(prefix="page-browser.")
        self.port = free_port()
        self.log = open(pathlib.Path(self.directory.name) / "driver.log", "wb")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=self.log, stderr=subprocess.STDOUT)
        self.session = None
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                     f"--force-device-scale-factor={scale}", f"--user-data-dir={self.directory.name}/profile", f"--window-size={width},{height}"]
        if reduced_motion:
            arguments.append("--force-prefers-reduced-motion")
        try:
            self.wait(lambda: self.call("GET", "/status", root=True)["ready"], 30, "chromedriver does not start")
            answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"}, "goog:loggingPrefs": {"browser": "ALL"},
                "timeouts": {"script": 60000}}}}, root=True)
            self.session = answer["sessionId"]
            # Windows have a least width; the device's size is what the page sees.
            self.chrome("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
            if touch:
                self.chrome("Emulation.setTouchEmulationEnabled", enabled=True)
            self.chrome("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                                {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}])
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        with contextlib.suppress(Exception):
            if self.session:
                self.call("DELETE", "")
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait(10)
        self.log.close()
        with contextlib.suppress(OSError):
            self.directory.cleanup()

    def call(self, method, path, body=None, root=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            data = None if method != "POST" else json.dumps(body or {})
            connection.request(method, path if root else f"/session/{self.session}{path}", data, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise BrowserError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    @staticmethod
    def wait(condition, seconds, complaint):
        """Waits until a condition holds, and returns what it said; errors count as no while time is left."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
            except (BrowserError, OSError):
                pass
            if time.monotonic() > end:
                raise AssertionError(f"{complaint} (waited {seconds} s)")
            time.sleep(0.05)

    def chrome(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, address):
        self.call("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        """The value of a function's body in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_later(self, script, *arguments):
        """The value that the body of a function hands to its last argument, a callback."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def click(self, selector):
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        self.call("POST", f"/element/{element}/click")

    def box(self, selector):
        return self.run("const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.left, box.top, box.width, box.height]", selector)

    def actions(self, *sources):
        self.call("POST", "/actions", {"actions": list(sources)})
        self.call("DELETE", "/actions")

    def move_and_click(self, x, y, click=True):
        steps = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        if click:
            steps += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.actions({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps})

    def drag(self, start, end, steps=20, duration=20):
        moves = [{"type": "pointerMove", "duration": duration, "x": round(start[0] + (end[0] - start[0]) * step / steps), "y": round(start[1] + (end[1] - start[1]) * step / steps)}
                 for step in range(1, steps + 1)]
        self.actions({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [
            {"type": "pointerMove", "duration": 0, "x": round(start[0]), "y": round(start[1])}, {"type": "pointerDown", "button": 0}, *moves, {"type": "pointerUp", "button": 0}]})

    def wheel(self, x, y, amount):
        self.actions({"type": "wheel", "id": "wheel", "actions": [{"type": "scroll", "x": round(x), "y": round(y), "deltaX": 0, "deltaY": amount, "duration": 0, "origin": "viewport"}]})

    def pinch(self, x, y, before, after):
        def finger(name, side):
            return {"type": "pointer", "id": name, "parameters": {"pointerType": "touch"}, "actions": [
                {"type": "pointerMove", "duration": 0, "x": round(x + side * before), "y": round(y)}, {"type": "pointerDown", "button": 0},
                *({"type": "pointerMove", "duration": 16, "x": round(x + side * (before + (after - before) * part / 10)), "y": round(y)} for part in range(1, 11)),
                {"type": "pointerUp", "button": 0}]}
        self.actions(finger("one", -1), finger("two", 1))

    def press(self, *keys, modifier=None):
        steps = []
        for key in keys:
            value = KEYS.get(key, key)
            steps += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        if modifier:
            steps = [{"type": "keyDown", "value": KEYS[modifier]}, *steps, {"type": "keyUp", "value": KEYS[modifier]}]
        self.actions({"type": "key", "id": "keyboard", "actions": steps})

    def console(self):
        """What was written to the console since the last call: level and message."""
        return [(entry["level"], entry["message"]) for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))
