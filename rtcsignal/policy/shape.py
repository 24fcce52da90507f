"""Whether an object is a plugin, and whether it has the shape that its interfaces ask for."""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from zope.interface.exceptions import Invalid
from zope.interface.interface import Method
from zope.interface.verify import verifyObject

from rtcsignal.interfaces import (
    IAuthenticator,
    ICheckable,
    IConfigurable,
    IDoorObserver,
    IEventHandler,
    IIceServers,
    ILifecycle,
    IMessageFilter,
    IRoomObserver,
    IRoomPolicy,
)
from rtcsignal.logtext import safe
from rtcsignal.policy.logs import describe
from rtcsignal.signaling.events import OWN_EVENTS
from rtcsignal.socketio.packet import RESERVED_NAMES

__all__ = [
    "INTERFACES",
    "RESERVED_EVENTS",
    "Problem",
    "eventsOf",
    "interfacesOf",
    "isName",
    "lineOf",
    "problemsOf",
    "shownPlace",
    "takenEvents",
    "unreadable",
]

INTERFACES: tuple[Any, ...] = (
    IAuthenticator,
    IRoomPolicy,
    IMessageFilter,
    IRoomObserver,
    IDoorObserver,
    IEventHandler,
    IIceServers,
)
"""An object that provides one of these is a plugin."""

RESERVED_EVENTS = RESERVED_NAMES | OWN_EVENTS | {"error"}
"""Events of Socket.IO, and of every server of ours, which no plugin can have."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LIFECYCLE = ("start", "stop")
_MISSING: Any = object()


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        file: The file, or another word for the place.
        line: The line; 0 if it has none.
        text: What is wrong.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{safe(place, 1000)}: {self.text}"


def isName(name: object) -> bool:
    """Whether a plugin may be called so: words of lower-case letters and digits, joined by hyphens."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def interfacesOf(candidate: Any) -> tuple[Any, ...]:
    """Those of `INTERFACES` that an object provides; none if it is not a plugin."""
    if isinstance(candidate, type):
        return ()
    try:
        return tuple(interface for interface in INTERFACES if interface.providedBy(candidate))
    except Exception:  # objects may do anything when they are looked at
        return ()


def unreadable(plugin: Any, file: str) -> list[Problem]:
    """The attributes of a plugin that raise when they are looked at; nothing more can be done with it then.

    Args:
        plugin: The plugin.
        file: Where it was found, for what has no place of its own.
    """
    problems = []
    for name in sorted({"options", *_names(INTERFACES), *_names((IConfigurable, ILifecycle))}):
        try:
            getattr(plugin, name, None)
        except Exception as error:  # objects may do anything when they are looked at
            text = f"{name} of {type(plugin).__name__} cannot be read: {describe(error)}"
            problems.append(_problem(plugin, file, text))
    return problems


def _names(interfaces: Iterable[Any]) -> Iterator[str]:
    for interface in interfaces:
        yield from interface.names()


def problemsOf(plugin: Any, file: str) -> list[Problem]:
    """Everything in which a plugin departs from its interfaces.

    Args:
        plugin: The plugin.
        file: Where it was found, for what has no place of its own.
    """
    problems = list(_named(plugin, file))
    for interface in (*interfacesOf(plugin), ICheckable, IConfigurable, ILifecycle):
        if interface.providedBy(plugin):
            problems += _methods(plugin, interface, interface.names(), file)
    if not ILifecycle.providedBy(plugin):
        present = [name for name in _LIFECYCLE if hasattr(plugin, name)]
        problems += _methods(plugin, ILifecycle, present, file)
    if IEventHandler.providedBy(plugin):
        problems += _events(plugin, file)
    return list(dict.fromkeys(problems)) or _verified(plugin, file)


def lineOf(thing: Any) -> tuple[str, int] | None:
    """File and line of a function, or of the class of an object."""
    function = inspect.unwrap(getattr(thing, "__func__", thing)) if callable(thing) else None
    code = getattr(function, "__code__", None)
    if code is not None:
        return code.co_filename, code.co_firstlineno
    cls = thing if isinstance(thing, type) else type(thing)
    try:
        file = inspect.getfile(cls)
        linecache.checkcache(file)
        return file, max(inspect.getsourcelines(cls)[1], 1)
    except (OSError, TypeError):
        return None


def shownPlace(thing: Any) -> str:
    """File and line of a function, or of the class of an object, for people."""
    place = lineOf(thing)
    return f"{safe(place[0], 1000)}:{place[1]}" if place is not None else "an unknown place"


def _named(plugin: Any, file: str) -> Iterator[Problem]:
    name = getattr(plugin, "name", _MISSING)
    if not isName(name):
        what = "no name" if name is _MISSING else f"the name {safe(repr(name), 80)}"
        text = f"{type(plugin).__name__} has {what}; a name is made of lower-case words joined by hyphens"
        yield _problem(plugin, file, text)


def _methods(plugin: Any, interface: Any, names: Any, file: str) -> Iterator[Problem]:
    kind = type(plugin).__name__
    for name in sorted(names):
        wanted = interface[name]
        if not isinstance(wanted, Method):
            continue
        method = getattr(plugin, name, _MISSING)
        shape = name + wanted.getSignatureString()
        if method is _MISSING:
            text = f"{kind} has no method {shape}, which {interface.__name__} requires"
            yield _problem(plugin, file, text)
        elif not callable(method):
            yield _problem(plugin, file, f"{name} of {kind} is not a method, but must be {shape}")
        else:
            wrong = _signature(method, wanted)
            if wrong:
                yield _problem(method, file, f"{name} of {kind} {wrong}, but must be {shape}")


def _signature(method: Callable[..., Any], wanted: Method) -> str:
    """In what the arguments of a method differ from what it is called with; empty if they do not."""
    function = inspect.unwrap(method)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "is a generator, of which nothing would ever run"
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return ""
    names = wanted.getSignatureInfo()["positional"]
    plain = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    rest = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    enough = len(plain) >= len(names) or rest
    matching = all(each.name.lstrip("_") == name for each, name in zip(plain, names, strict=False))
    needless = any(
        each.default is each.empty
        for each in [*plain[len(names) :], *(each for each in parameters if each.kind is each.KEYWORD_ONLY)]
    )
    if enough and matching and not needless:
        return ""
    return f"takes {inspect.Signature([each.replace(annotation=each.empty) for each in parameters])}"


def _verified(plugin: Any, file: str) -> list[Problem]:
    """What zope finds besides."""
    for interface in interfacesOf(plugin):
        try:
            verifyObject(interface, plugin)
        except Invalid as error:
            return [_problem(plugin, file, safe(" ".join(str(error).split()), 400))]
    return []


def _events(plugin: Any, file: str) -> Iterator[Problem]:
    events = getattr(plugin, "events", None)
    if not isinstance(events, (tuple, list, set, frozenset)) or not events:
        yield _problem(plugin, file, f"events of {type(plugin).__name__} must be a tuple of names of events")
        return
    yield from (_notItsEvent(plugin, file, event) for event in events if not isinstance(event, str) or not event)
    yield from takenEvents(plugin, file, RESERVED_EVENTS)


def takenEvents(plugin: Any, file: str, taken: Collection[str]) -> Iterator[Problem]:
    """The events of a plugin that are someone else's.

    Args:
        plugin: The plugin.
        file: Where it was found, for what has no place of its own.
        taken: The names that it cannot have.
    """
    for event in eventsOf(plugin):
        if event in taken:
            yield _notItsEvent(plugin, file, event)


def eventsOf(plugin: Any) -> list[str]:
    """The names among the events of a plugin, whatever else is there, of which its shape's problems tell."""
    events = plugin.events if IEventHandler.providedBy(plugin) else ()
    return [event for event in events if isinstance(event, str)] if isinstance(events, Collection) else []


def _notItsEvent(plugin: Any, file: str, event: Any) -> Problem:
    return _problem(plugin, file, f"{type(plugin).__name__} cannot have the event {safe(repr(event), 80)}")


def _problem(thing: Any, file: str, text: str) -> Problem:
    place = lineOf(thing)
    return Problem(*(place or (file, 0)), text)
