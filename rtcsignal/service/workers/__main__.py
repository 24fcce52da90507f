"""The process of a worker: ``python -m rtcsignal.service.workers DESCRIPTOR REACTOR NAME``; only supervisors start it.

DESCRIPTOR is the pipe to the supervisor, REACTOR the module of the reactor, NAME is for lists of processes. What else
a worker is comes over its standard input.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

_FIRST = 3
_AND_ONE_MORE = 1
"""The descriptor behind that of the pipe is that of `rtcsignal.service.workers.rescue`."""


def _takeStandardInput() -> int:
    """The pipe that was the standard input, which is empty from now on."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


def main(output: int, reactor: str) -> NoReturn:
    """Be a worker.

    Args:
        output: The descriptor of the pipe to the supervisor.
        reactor: The module of the reactor.
    """
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for descriptor in range(_FIRST, output + _AND_ONE_MORE + 1):
        os.set_inheritable(descriptor, False)
    if "LISTEN_FDS" in os.environ:
        # The supervisor could not know it. Twisted looks when it is imported.
        os.environ["LISTEN_PID"] = str(os.getpid())
    import_module(reactor).install()
    run = import_module("rtcsignal.service.workers.running").run
    sys.exit(run(_takeStandardInput(), output))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
