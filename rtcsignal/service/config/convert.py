"""From the plain values of a configuration file to the typed tree, with every mistake on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from rtcsignal.logtext import safe
from rtcsignal.service.config.checks import pluginName
from rtcsignal.service.config.document import BROKEN, Document, Path
from rtcsignal.service.config.ice import Ice
from rtcsignal.service.config.iceserver import IceServerUse, readIceServer
from rtcsignal.service.config.keys import Key, Section, isHidden
from rtcsignal.service.config.plugins import PluginUse
from rtcsignal.service.config.schema import Config
from rtcsignal.spelling import didYouMean

__all__ = ["convert"]

_SectionKind = TypeVar("_SectionKind", bound=Section)

_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]*)`(?P<range>[^,]*)(?:, got `(?P<got>[^`]*)`)?.*", re.DOTALL)
_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_ABSENT = object()


def convert(document: Document) -> Config:
    """Read a whole configuration; problems are noted in the document, and their keys keep the default.

    Args:
        document: The plain values, with their places in the file.
    """
    value = document.value
    if isinstance(value, dict) and "port" in value:
        value = _withPort(document, value)
    return _Converter(document).section(Config, value, ())


def _withPort(document: Document, value: Mapping[str, Any]) -> dict[str, Any]:
    """``port: 8080``, the configuration of RTCSignalServer, means the endpoint ``tcp:8080``."""
    rest = {name: item for name, item in value.items() if name != "port"}
    port = value["port"]
    if "listen" in value:
        document.problem(("port",), "means the same as listen; give one of them", key=True)
    elif isinstance(port, int) and not isinstance(port, bool) and 0 <= port <= 65535:
        rest["listen"] = [f"tcp:{port}"]
    elif port is not BROKEN:
        document.problem(("port",), "must be a whole number from 0 to 65535")
    return rest


class _Converter:
    """Walks values and types side by side.

    Args:
        document: Gets the problems.
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    def section(self, kind: type[_SectionKind], value: Any, path: Path) -> _SectionKind:
        """A mapping; keys that are unknown or wrong are reported, and left at their defaults."""
        if value is None or value is BROKEN:
            return kind()
        if not isinstance(value, dict):
            self._document.problem(path, f"must be a mapping of keys to values, not {_inWords(value)}")
            return kind()
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind) if not isHidden(field)}
        found: dict[str, Any] = {}
        for name, item in value.items():
            field = fields.get(name)
            if field is None:
                self._unknown(name, path, frozenset(fields))
                continue
            converted = self._value(field.type, item, (*path, name))
            if converted is not _ABSENT:
                found[field.name] = converted
        if kind is Ice and found.get("relayOnly"):
            found["where"] = self._document.where((*path, "relay_only"))
        return kind(**found)

    def _unknown(self, name: str, path: Path, known: frozenset[str]) -> None:
        hint = didYouMean(name, known)
        if not hint:
            homes = [home for home in _homes(name) if home != ".".join(map(str, path))]
            hint = f"; it belongs {f'under {homes[0]}' if homes[0] else 'to the top'}" if homes else ""
        self._document.problem((*path, name), f"unknown key{hint}", key=True)

    def _value(self, annotation: Any, value: Any, path: Path) -> Any:
        """The value of one key, or ``_ABSENT`` when it was reported."""
        if value is BROKEN:
            return _ABSENT
        if isinstance(annotation, type) and issubclass(annotation, Section):
            return self.section(annotation, value, path)
        plain = annotation.__origin__
        key = next(item for item in annotation.__metadata__ if isinstance(item, Key))
        metas = [item for item in annotation.__metadata__ if isinstance(item, Meta)]
        if get_origin(plain) is not tuple:
            return self._item(_annotated(plain, metas), key, value, path)
        checked = self._typed(_annotated(tuple[Any, ...], metas), value, path)
        if checked is _ABSENT:
            return _ABSENT
        item = get_args(plain)[0]
        items = [self._item(item, key, each, (*path, index)) for index, each in enumerate(checked)]
        self._unique(checked, path)
        return tuple(each for each in items if each is not _ABSENT)

    def _item(self, annotation: Any, key: Key, value: Any, path: Path) -> Any:
        if value is BROKEN:
            return _ABSENT
        if annotation is PluginUse:
            return self._use(value, path)
        if annotation is IceServerUse:
            server = readIceServer(self._document, value, path)
            return _ABSENT if server is None else server
        converted = self._typed(annotation, value, path)
        problem = key.check(converted) if key.check is not None and isinstance(converted, str) else None
        if problem is None:
            return converted
        return self._wrong(path, problem if key.isSecret else f"{problem} ({_quoted(converted)})")

    def _typed(self, annotation: Any, value: Any, path: Path) -> Any:
        try:
            return msgspec.convert(value, annotation)
        except msgspec.ValidationError as error:
            hint = "; put it in quotes" if value is None and path and isinstance(path[-1], int) else ""
            return self._wrong(path, _explanation(str(error), annotation, value) + hint)

    def _unique(self, values: tuple[Any, ...], path: Path) -> None:
        for index, value in enumerate(values):
            if isinstance(value, str) and value in values[:index]:
                self._document.problem((*path, index), f"{_quoted(value)} is there twice")

    def _use(self, value: Any, path: Path) -> Any:
        name, options = value, None
        if isinstance(value, dict):
            if len(value) != 1:
                return self._wrong(path, "must be one plugin's name with its options indented below it")
            name, options = next(iter(value.items()))
            if options is BROKEN:
                return _ABSENT
            if options is not None and not isinstance(options, dict):
                wrong = f"the options must be a mapping of keys to values, not {_inWords(options)}"
                return self._wrong((*path, name), wrong)
        if not isinstance(name, str):
            return self._wrong(path, f"must be a plugin's name, or a name with options, not {_inWords(name)}")
        problem = pluginName(name)
        if problem is not None:
            return self._wrong(path, f"{problem} ({_quoted(name)})")
        return PluginUse(name=name, options=options, where=self._document.where(path))

    def _wrong(self, path: Path, problem: str) -> Any:
        self._document.problem(path, problem)
        return _ABSENT


def _annotated(plain: Any, metas: list[Meta]) -> Any:
    for meta in metas:
        plain = Annotated[plain, meta]
    return plain


def _homes(name: str) -> list[str]:
    """The sections that have a key of this name."""
    sections: list[tuple[str, type[Section]]] = [("", Config)]
    for field in msgspec.structs.fields(Config):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            sections.append((field.encode_name, field.type))
    return [
        title
        for title, section in sections
        if name in {field.encode_name for field in msgspec.structs.fields(section)}
    ]


def _explanation(message: str, annotation: Any, value: Any) -> str:
    """What msgspec found, in the words of this configuration."""
    if get_origin(annotation) is Literal:
        allowed = frozenset(map(str, get_args(annotation)))
        hint = didYouMean(value, allowed) if isinstance(value, str) else ""
        return f"must be {' or '.join(map(str, get_args(annotation)))}, not {_quoted(value)}{hint}"
    match = _EXPECTED.fullmatch(message)
    if match is None:
        return message
    kinds = " or ".join(_KINDS.get(kind, kind) for kind in match["kinds"].split(" | "))
    if match["range"].endswith("length >= 1"):
        return f"must be {kinds} of at least one item"
    if match["got"] is None:
        return f"must be {kinds}{re.sub(r'(?<=[0-9])[.]0$', '', match['range'])}, not {_quoted(value)}"
    if kinds == "a whole number" and isinstance(value, float):
        return f"must be {kinds}, not {value}"
    unquoted = "str" in match["kinds"] and isinstance(value, (bool, int, float))
    return f"must be {kinds}, not {_inWords(value)}{'; put it in quotes' if unquoted else ''}"


def _inWords(value: Any) -> str:
    if value is None:
        return "null"
    kinds: list[tuple[type, str]] = [
        (str, "str"),
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (list, "array"),
        (dict, "object"),
    ]
    return _KINDS[next(name for kind, name in kinds if isinstance(value, kind))]


def _quoted(value: Any) -> str:
    return f'"{safe(value, 80)}"' if isinstance(value, str) else safe(str(value), 80)
