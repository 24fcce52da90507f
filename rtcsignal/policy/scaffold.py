"""A new plugin and its test, to begin with."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template

from rtcsignal.policy.shape import isName

__all__ = ["newPlugin"]

_PLUGIN = Template('''\
"""$title: say here what it is for."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import Configurable, IPeer, IRoom, IRoomPolicy, Option, Refused


@implementer(IRoomPolicy)
class $class_(Configurable):
    """Keeps strangers out of some rooms."""

    name = "$name"
    prefix = Option(str, "private-", "Rooms whose names begin with this are for those who have the role.")
    role = Option(str, "member", "The role.")

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if room.name.startswith(self.prefix) and self.role not in peer.roles:
            raise Refused("not-invited", "This room is private.")


$variable = $class_()
''')

_TEST = Template('''\
"""What $name does."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtcsignal.api import Identity, Refused
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, loadPlugin

plugin = loadPlugin(Path(__file__).parents[1] / "$file")


def test_strangersAreKeptOutOfPrivateRooms() -> None:
    with pytest.raises(Refused, match="not-invited"):
        plugin.mayJoin(FakePeer("ann"), FakeRoom("private-office"))


def test_membersComeIn() -> None:
    plugin.mayJoin(FakePeer("ann", roles=["member"]), FakeRoom("private-office"))


def test_inARunningServer() -> None:
    with InMemoryServer(plugin.configured({"prefix": "staff-"})) as server:
        ann, bob = server.connect(Identity(roles=frozenset({"member"}))), server.connect()
        assert ann.join("staff-office", "ann").ok
        assert bob.join("staff-office", "bob").code == "not-invited"
        assert bob.join("lobby", "bob").ok
''')


def newPlugin(name: str, folder: Path) -> list[Path]:
    """Write a plugin and its test.

    Args:
        name: The plugin's name.
        folder: Where plugins are.

    Returns:
        The files: the plugin, and its test in a folder beside it, which the server does not look into.

    Raises:
        ValueError: The name is none for a plugin, or there is such a file.
    """
    words = name.split("-")
    class_ = "".join(word.capitalize() for word in words)
    if not isName(name) or not class_.isidentifier():
        raise ValueError(f"{name!r} cannot be a plugin's name: it must be words in lower case, joined by hyphens")
    variable = words[0] + class_[len(words[0]) :]
    file = name.replace("-", "_") + ".py"
    values = {
        "name": name,
        "title": " ".join(words).capitalize(),
        "class_": _identifier(class_),
        "variable": _identifier(variable),
        "file": file,
    }
    texts = {folder / file: _PLUGIN, folder / "tests" / f"test_{file}": _TEST}
    for path in texts:
        if path.exists():
            raise ValueError(f"{path} is there already")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.substitute(values), encoding="utf-8")
    return list(texts)


def _identifier(word: str) -> str:
    return word + "_" if keyword.iskeyword(word) else word
