"""Uses a page as a person does: Debian's chromium, driven by its DevTools protocol over a pipe.

The commands are those of https://chromedevtools.github.io/devtools-protocol.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time

import browser

KEYS = {
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Home": 36,
    "End": 35,
    "Tab": 9,
}

_TIMEOUT = 60
_END = b"\0"


class Page:
    """A tab of a browser. `opened` makes it.

    Attributes:
      downloads: Folder of what was downloaded.
    """

    def __init__(self, process, commands, answers, downloads):
        self.downloads = downloads
        self._process = process
        self._commands, self._answers = commands, answers
        self._number = 0
        self._session = None
        self._rest = b""
        self._events = []

    def start(self, url, width, height):
        """Opens a tab of this size at an address, and waits until it is loaded."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        found = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.resize(width, height)
        self.send(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=self.downloads,
            eventsEnabled=True,
        )  # fmt: skip
        self.send("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired")

    def send(self, method, **parameters):
        """Sends a command and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + _END)
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._events.append(answer)

    def wait_event(self, method, **wanted):
        """Waits for an event whose parameters are `wanted`, and returns them."""
        while True:
            for event in self._events:
                found = event.get("params", {})
                if event.get("method") == method and wanted.items() <= found.items():
                    self._events.remove(event)
                    return found
            self._events.append(self._receive())

    def faults(self):
        """Returns what the browser complained about: uncaught errors, and what was refused."""
        self.ask("0")  # All that came before its answer is read.
        found = [e["params"]["entry"] for e in self._events if e.get("method") == "Log.entryAdded"]
        found += [e for e in self._events if e.get("method") == "Runtime.exceptionThrown"]
        return found

    def ask(self, script):
        """Returns the value of a JavaScript expression."""
        answer = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script):
        """Waits until a JavaScript expression is true."""
        end = time.monotonic() + _TIMEOUT
        while not self.ask(script):
            assert time.monotonic() < end, (script, self.text("body"))
            time.sleep(0.05)

    def text(self, selector):
        """Returns the text that an element shows."""
        return self.ask(f"document.querySelector({json.dumps(selector)}).innerText")

    def center(self, selector):
        """Returns the middle of an element that is in view afterwards, x and y, pixels."""
        return self.ask(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )

    def point(self, x, y):
        """Moves the mouse."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        """Clicks an element with the mouse."""
        x, y = self.center(selector)
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, times=1):
        """Presses a key, one of `KEYS`."""
        for _ in range(times):
            for kind in ("rawKeyDown", "keyUp"):
                self.send(
                    "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                    windowsVirtualKeyCode=KEYS[key],
                )  # fmt: skip

    def drop(self, path, selector):
        """Drags a file from outside onto an element and drops it there."""
        x, y = self.center(selector)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def downloaded(self):
        """Waits for the end of a download and returns its path."""
        begun = self.wait_event("Browser.downloadWillBegin")
        self.wait_event("Browser.downloadProgress", guid=begun["guid"], state="completed")
        return os.path.join(self.downloads, begun["suggestedFilename"])

    def resize(self, width, height):
        """Gives the window another size, pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=False,
        )  # fmt: skip

    def screenshot(self):
        """Returns what the window shows, bytes of a PNG file."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def _receive(self):
        """Returns the next message of the browser."""
        end = time.monotonic() + _TIMEOUT
        while _END not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._answers, 2**16)
            assert received, f"the browser has ended: {self._process.poll()}"
            self._rest += received
        message, _, self._rest = self._rest.partition(_END)
        return json.loads(message)


@contextlib.contextmanager
def opened(url, width=browser.WIDTH, height=900):
    """Yields a page in a browser of its own, which ends afterwards."""
    with contextlib.ExitStack() as stack:
        # Processes that Chromium has started may still write when it has ended.
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            for _ in range(2)
        ]
        (to_read, commands), (answers, to_write) = os.pipe(), os.pipe()
        # Chromium reads commands from its third file and writes answers to its fourth one.
        start = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        arguments = browser.command(folders[0], height, "--remote-debugging-pipe", width=width)
        process = subprocess.Popen(
            ["bash", "-c", start, "bash", *arguments],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        os.close(to_read)
        os.close(to_write)
        stack.callback(os.close, answers)
        stack.callback(os.close, commands)
        stack.callback(process.terminate)
        page = Page(process, commands, answers, folders[1])
        page.start(url, width, height)
        yield page
