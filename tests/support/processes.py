"""Start real processes, wait for a line of their output, and leave none of them behind.

Used by every test that talks to a real server, a real client or a real proxy::

    with startProcess(twistdCommand("--config", path)) as server:
        server.url                   # http://127.0.0.1:PORT of the first "listening on" line
        server.output()              # everything written so far, stdout and stderr together
        server.signal(signal.SIGTERM)
        assert server.waitExit() == 0

`runToEnd` is for commands that end by themselves.
"""

from __future__ import annotations

import codecs
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select

from tests.support.patience import PATIENCE, START_PATIENCE
from tests.support.processor import processorSeconds

__all__ = [
    "LISTENING",
    "ROOT",
    "Process",
    "checkoutEnvironment",
    "childrenOf",
    "runToEnd",
    "startProcess",
    "stopAll",
    "twistdCommand",
    "waitGone",
]

ROOT = Path(__file__).resolve().parents[2]

LISTENING = r"listening on (?:haproxy:)?(?!unix:)\w+:\S*:(?P<port>\d+)"
"""The line that the server logs for each port, with the real port number."""


class Process:
    """A running process whose output is collected.

    Attributes:
        pid: Its process id.
        match: What ``until`` matched, None when it was not asked for.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        self.arguments = tuple(arguments)
        self.match: re.Match[str] | None = None
        self._text = ""
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            self.arguments,
            cwd=cwd,
            env=checkoutEnvironment() if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"output of {self.pid}", daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """The number in the ``port`` group of what ``until`` matched."""
        if self.match is None:
            raise LookupError("the process was not started with until=...")
        return int(self.match["port"])

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """Everything that the process wrote so far, stdout and stderr in one."""
        with self._changed:
            return self._text

    def waitOutput(self, pattern: str, timeout: float = PATIENCE, start: int = 0) -> re.Match[str]:
        """Wait until a regular expression is found in the output.

        Args:
            pattern: Searched with ``re.MULTILINE``.
            timeout: Seconds.
            start: How many characters to ignore at the beginning of the output.

        Raises:
            AssertionError: When it does not come in time or the process ends before; with the whole output.
        """
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = expression.search(self._text, start)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else f"wrote for {timeout} s"
                    raise AssertionError(f"{self.arguments} {why} without {pattern!r}:\n{self._text}")
                self._changed.wait(left)

    def processorSeconds(self) -> float:
        """How much of a processor it has used."""
        return processorSeconds(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self._process.send_signal(number)

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def waitExit(self, timeout: float = START_PATIENCE) -> int:
        """Wait for the end of the process and of its output.

        Args:
            timeout: Seconds.

        Returns:
            Its exit code; negative is the signal that killed it.

        Raises:
            AssertionError: When it still runs.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} did not end in {timeout} s:\n{self.output()}") from None
        self._reader.join(5.0)
        return code

    def stop(self, timeout: float = 15.0) -> None:
        """End the process, kindly first, and free everything that belongs to it."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._killGroup()
                self._process.wait()
        self._reader.join(1.0)
        if self._reader.is_alive():
            # A child that outlived it still holds the pipe.
            self._killGroup()
            self._reader.join(5.0)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _killGroup(self) -> None:
        """Kill what this process started as well: it was made the leader of its own group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError("the process was started without a pipe")
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            data = os.read(stream.fileno(), 65536)
            with self._changed:
                if data:
                    self._text += decoder.decode(data)
                else:
                    self._ended = True
                self._changed.notify_all()
            if not data:
                return


@contextmanager
def startProcess(
    arguments: Sequence[str],
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    until: str | None = LISTENING,
    timeout: float = START_PATIENCE,
    inherit: Sequence[int] = (),
) -> Iterator[Process]:
    """Start a process, wait for a line of its output, and end it when the block is left.

    Args:
        arguments: The command, as for ``subprocess``.
        cwd: Where it starts.
        env: The whole environment; None is this process' own, with the checkout importable.
        until: A regular expression that its output must match before the block begins; a group named ``port``
            gives ``.port`` and ``.url``. None: do not wait.
        timeout: Seconds to wait for that line.
        inherit: File descriptors that it inherits.
    """
    process = Process(arguments, cwd, env, inherit)
    try:
        if until is not None:
            process.match = process.waitOutput(until, timeout)
        yield process
    finally:
        process.stop()


def stopAll(processes: Iterable[Process]) -> None:
    """Tell servers to end: some wait for clients that are gone, and `Process.stop`, the second signal, ends that."""
    for process in processes:
        if process.running:
            process.signal(signal.SIGINT)


def runToEnd(arguments: Sequence[str], cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself.

    Args:
        arguments: The command, as for ``subprocess``.
        cwd: Where it starts.
        environ: Changes to its environment, in which the checkout can be imported.

    Returns:
        Its exit code, and what it wrote to stdout and to stderr.
    """
    return subprocess.run(
        arguments,
        cwd=cwd,
        env=checkoutEnvironment(**environ),
        capture_output=True,
        text=True,
        timeout=START_PATIENCE,
        check=False,
    )


def checkoutEnvironment(**changes: str) -> dict[str, str]:
    """This process' environment, in which Python finds the checkout's packages and its twistd plugin."""
    environment = dict(os.environ)
    paths = [str(ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    environment["PYTHONUNBUFFERED"] = "1"
    environment.update(changes)
    return environment


def twistdCommand(*arguments: str, options: Sequence[str] = ("--nodaemon", "--pidfile=")) -> list[str]:
    """The command line of ``twistd OPTIONS rtcsignal ARGUMENTS`` with this Python."""
    return [str(Path(sys.executable).parent / "twistd"), *options, "rtcsignal", *arguments]


def childrenOf(pid: int) -> set[int]:
    """The processes that a process has started, and that run."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[1]) == pid:
                found.add(int(entry.name))
    return found


def waitGone(pids: set[int]) -> None:
    """Wait until processes have ended."""
    for pid in pids:
        try:
            number = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select([number], [], [], START_PATIENCE)[0]:
                raise AssertionError(f"process {pid} did not end")
        finally:
            os.close(number)
