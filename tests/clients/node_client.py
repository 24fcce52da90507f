"""The npm clients, in a Node process told what to do over a pipe (`driver.js`)."""

from __future__ import annotations

import base64
import itertools
import json
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.clients.client import Client, Listener
from tests.clients.kinds import EVENTS, Kind
from tests.support.patience import PATIENCE

# Some libraries do not notice that a connection is lost while they open it.
_OPENING_MS = 2_000

_HERE = Path(__file__).parent


class NodeProcess:
    """A Node process full of clients.

    Commands go in and answers come back by number, whichever comes first; what a client hears goes into its
    inbox. What Node itself complains about is in the captured stderr.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "driver.js"],
            cwd=_HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._clients: dict[str, Listener] = {}
        self._answers: dict[int, Future[Any]] = {0: Future()}
        ready = self._answers[0]
        self._reader = threading.Thread(target=self._read, name="node clients", daemon=True)
        self._reader.start()
        ready.result(PATIENCE)

    def order(self, do: str, **details: Any) -> Future[Any]:
        """Gives a command and does not wait for its answer."""
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._answers[number] = answer
            pipe = self._process.stdin
            assert pipe is not None
            pipe.write(json.dumps({"id": number, "do": do, **details}) + "\n")
            pipe.flush()
        return answer

    def call(self, do: str, **details: Any) -> Any:
        """Gives a command and waits for its answer; what the command raised is raised here."""
        return self.order(do, **details).result(PATIENCE)

    def adopt(self, handle: str, client: Listener) -> None:
        """Tells whose inbox the news of this handle go to."""
        self._clients[handle] = client

    def freeze(self) -> None:
        """Stops the process as it stands: its connections stay open and say nothing any more."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Ends the process without a word to anybody; its connections break."""
        self._process.kill()
        self._finish()

    def stop(self) -> None:
        """Ends the process in order; it must not have ended by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._finish()
        assert code == 0, f"Node ended with {code}"

    def _finish(self) -> int:
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            if "client" in line:
                self._deliver(line)
            else:
                self._answered(line)
        with self._lock:
            unanswered, self._answers = self._answers, {}
        for answer in unanswered.values():
            answer.set_exception(RuntimeError("Node has ended"))

    def _deliver(self, line: Mapping[str, Any]) -> None:
        client = self._clients[line["client"]]
        if "heard" in line:
            client.heard.put(tuple(unwrapped(line["heard"])))
        else:
            client.life.put(tuple(line["life"]))

    def _answered(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            answer = self._answers.pop(line["id"])
        if "error" in line:
            answer.set_exception(RuntimeError(line["error"]))
        else:
            answer.set_result(unwrapped(line["value"]))


class NodeClient(Client):
    """A client of the npm package socket.io-client, which has begun to connect."""

    def __init__(self, process: NodeProcess, handle: str, kind: Kind, name: str) -> None:
        super().__init__(kind, name)
        self._process = process
        self._handle = handle
        process.adopt(handle, self)

    @classmethod
    def open(
        cls, process: NodeProcess, handle: str, kind: Kind, name: str, url: str, **options: Any
    ) -> NodeClient:
        """A client with a connection of its own; `options` are further ones of socket.io-client."""
        client = cls(process, handle, kind, name)
        process.call(
            "open",
            client=handle,
            library=f"client-{kind.library}",
            url=url + kind.namespace.rstrip("/"),
            options={**socketOptions(kind.transports), **options},
            events=EVENTS,
        )
        return client

    def state(self) -> Mapping[str, Any]:
        """Its `id`, and whether its connection was `recovered`."""
        state: Mapping[str, Any] = self._process.call("state", client=self._handle)
        return state

    def copyKey(self, other: NodeClient) -> None:
        """Connects with the key of another one, that does not come back by itself any more."""
        self._process.call("copyKey", client=self._handle, other=other._handle)

    def beside(self, handle: str, namespace: str, name: str) -> NodeClient:
        """A client on this one's connection, in another namespace."""
        client = NodeClient(self._process, handle, replace(self.kind, namespace=namespace), name)
        self._process.call("openBeside", client=handle, other=self._handle, namespace=namespace, events=EVENTS)
        return client

    def emit(self, event: str, *args: Any) -> None:
        self._process.call("emit", client=self._handle, args=wrapped([event, *args]))

    def askAll(self, event: str, *args: Any) -> list[Any]:
        values: list[Any] = self._process.call("ask", client=self._handle, args=wrapped([event, *args]))
        return values

    def transport(self) -> str:
        return str(self._process.call("transport", client=self._handle))

    def subprotocol(self) -> str:
        """What the server has named of the subprotocols that were asked for; "" for nothing."""
        return str(self._process.call("subprotocol", client=self._handle))

    def close(self) -> None:
        self._process.call("close", client=self._handle)

    def stream(self, body: Mapping[str, Any], everyMs: int) -> None:
        """Broadcasts `body` with a rising `number`, from 0, every so many milliseconds, until `unstream`."""
        self._process.call("stream", client=self._handle, body=body, everyMs=everyMs)

    def unstream(self) -> int:
        """Ends the stream; the answer is how many broadcasts were emitted."""
        return int(self._process.call("unstream", client=self._handle))


class SeedPage(Listener):
    """A page or the Android app of the original server (`seed_pages.js`), and what it says it was told."""

    def __init__(
        self, process: NodeProcess, handle: str, kind: Kind, name: str, url: str, page: str, roomName: str
    ) -> None:
        super().__init__(kind, name)
        self._process = process
        self._handle = handle
        process.adopt(handle, self)
        process.call(
            "page",
            client=handle,
            kind=page,
            library=f"client-{kind.library}",
            url=url + kind.namespace.rstrip("/"),
            options=socketOptions(kind.transports),
            userId=name,
            roomName=roomName,
        )

    def press(self, button: str) -> None:
        """Does what a click on that button does."""
        self._process.call("press", client=self._handle, button=button)

    def close(self) -> None:
        self._process.call("closePage", client=self._handle)


class ResumingPage(Listener):
    """A page that comes back with a key of its own (`resuming_page.js`), and what it hears, without offsets.

    Besides the server's events these are ("outcome", which, whether it was in before) and ("trouble", at what, code).
    """

    def __init__(
        self, process: NodeProcess, handle: str, kind: Kind, name: str, url: str, roomName: str, **more: Any
    ) -> None:
        super().__init__(kind, name)
        self._process = process
        self._handle = handle
        process.adopt(handle, self)
        process.call(
            "resumingPage",
            client=handle,
            library=f"client-{kind.library}",
            url=url + kind.namespace.rstrip("/"),
            options={**socketOptions(kind.transports), "timeout": _OPENING_MS},
            userId=name,
            roomName=roomName,
            **more,
        )

    def say(self, count: int, everyMs: int, padding: int) -> None:
        """Says numbered things, from 1; the first is so much longer."""
        self._process.call("say", client=self._handle, count=count, everyMs=everyMs, padding=padding)

    def close(self) -> None:
        self._process.call("closePage", client=self._handle)


def socketOptions(transports: Sequence[str]) -> Mapping[str, Any]:
    """Options of socket.io-client: as a page would have them, but quick to come back."""
    return {"transports": transports, "reconnectionDelay": 50, "reconnectionDelayMax": 200}


def wrapped(value: Any) -> Any:
    """A value as `driver.js` takes it: bytes as {"$base64": ...}."""
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {key: wrapped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [wrapped(item) for item in value]
    return value


def unwrapped(value: Any) -> Any:
    """A value as `driver.js` gave it, with the bytes in it as bytes."""
    if isinstance(value, Mapping):
        if "$base64" in value:
            return base64.b64decode(value["$base64"])
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    return value
