"""The list of all plugins that ``twistd rtcsignal --plugins`` prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rtcsignal.policy.listing import Listing, formatPlugins, listPlugins
from tests.policy.sources import MEMBERS_ONLY, Use, Wanted

Folder = Callable[..., Path]

ROOM_SIZE = '''\
from pathlib import Path
from zope.interface import implementer
from rtcsignal.api import *

@implementer(IRoomPolicy, IMessageFilter, ILifecycle)
class RoomLimit(Configurable):
    """Limits how many members a room has.

    And more.
    """

    name = "room-limit"
    most = Option(int, 8, "Most members of a room.", least=1)
    perRoom = Option(dict[str, int], {}, "Most members by room.")
    url = Option(str, REQUIRED, "Where to.")
    file = Option(Path, Path("/a"), "A file.")
    secret = Option(str, "hush", "The secret.", secret=True)

    def mayJoin(self, peer, room): ...
    def filterMessage(self, peer, room, message): ...
    def start(self, services): ...
    def stop(self): ...

roomLimit = RoomLimit()
'''
OWN = '''\
"""Greets people."""
from zope.interface import implementer
from rtcsignal.api import *

@implementer(IRoomObserver, IConfigurable)
class Greeter:
    name = "greeter"
    def joined(self, peer, room): ...
    def left(self, peer, room, reason): ...
    def configured(self, options): ...

greeter = Greeter()
'''


@pytest.fixture
def path(folder: Folder) -> Path:
    return folder(a=ROOM_SIZE, b=OWN, c=MEMBERS_ONLY)


def listed(path: Path, *use: str) -> Listing:
    """Our plugins; others that there are do not matter."""
    listing = listPlugins(Wanted([str(path)], [*map(Use, use)]))
    return Listing(tuple(info for info in listing.plugins if str(path) in info.where), listing.problems)


def test_thoseInUseComeFirstInTheirOrder(path: Path) -> None:
    listing = listed(path, "room-limit", "greeter")
    assert [(info.name, info.position) for info in listing.plugins] == [
        ("room-limit", 1),
        ("greeter", 2),
        ("members-only", 0),
    ]


def test_everythingIsSaidOfEach(path: Path) -> None:
    text = "\n".join(formatPlugins(listed(path, "room-limit")))
    assert (
        text
        == f"""\
room-limit (used, number 1)
  Limits how many members a room has.
  IRoomPolicy, IMessageFilter, ILifecycle; from {path}/a.py
  most: 8  # a whole number of at least 1. Most members of a room.
  per_room: {{}}  # a mapping of strings to whole numbers. Most members by room.
  url: required  # a string. Where to.
  file: "/a"  # the path of a file. A file.
  secret: (not shown)  # a string. The secret.
greeter (not used)
  Greets people.
  IRoomObserver; from {path}/b.py
  takes options, see its documentation
members-only (not used)
  IRoomPolicy; from {path}/c.py"""
    )


def test_whatCannotBeReadIsSaidAsWell(path: Path) -> None:
    (path / "d.py").write_text("x = (")
    listing = listed(path, "nobody")
    assert listing.problems == (f"{path}/d.py:1: SyntaxError: '(' was never closed", "there is no plugin nobody")
    assert [line for line in formatPlugins(listing) if "problem" in line][1] == "problem: there is no plugin nobody"


def test_ofThoseThatComeWithTheServerThatIsSaid(path: Path) -> None:
    lines = list(formatPlugins(listPlugins(Wanted())))
    assert lines[lines.index("candidates (not used)") + 2] == "  IMessageFilter; built in"


def test_builtInPluginsAreAllListed(path: Path) -> None:
    names = {info.name for info in listPlugins(Wanted()).plugins if info.where == "built in"}
    from rtcsignal.policy import builtin

    modules = {file.stem.replace("_", "-") for file in Path(builtin.__path__[0]).glob("[!_]*.py")}
    assert names == modules


def test_nothingOfItStaysLoaded(path: Path) -> None:
    listPlugins(Wanted([str(path)]))
    before = set(sys.modules)
    listPlugins(Wanted([str(path)]))
    assert set(sys.modules) == before
