"""For the tests of plugins: fakes of what a plugin is given, and a whole server in memory.

`FakePeer`, `FakeRoom`, `FakeServices` and `makeMessage` are enough to call a plugin's methods by hand. `InMemoryServer`
runs plugins in the real server, without network and on a clock that the test turns; ``rtcsignal.testing.fixtures`` has
it as a pytest fixture.
"""

from __future__ import annotations

from rtcsignal.testing.fakes import FakeHttp, FakePeer, FakeResponse, FakeRoom, FakeServices, makeMessage
from rtcsignal.testing.memory import Answer, InMemoryServer, MemoryClient, loadPlugin

__all__ = [
    "Answer",
    "FakeHttp",
    "FakePeer",
    "FakeResponse",
    "FakeRoom",
    "FakeServices",
    "InMemoryServer",
    "MemoryClient",
    "loadPlugin",
    "makeMessage",
]
