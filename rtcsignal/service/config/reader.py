"""Read the configuration file: YAML, or JSON.

YAML is read more strictly than usual, because its surprises are expensive in a configuration: no aliases, no
duplicate keys, no tags, and no numbers in notations that are easily meant for something else (``0123``,
``12:30``). JSON, the format of RTCSignalServer's file, is read as JSON, since YAML cannot read all of it:
neither tabs nor surrogate pairs.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
from typing import Any

import msgspec
import yaml

from rtcsignal.errors import ConfigError
from rtcsignal.logtext import safe
from rtcsignal.service.config.backplane import withUrl
from rtcsignal.service.config.convert import convert
from rtcsignal.service.config.document import BROKEN, Document, Path, Position
from rtcsignal.service.config.endpoints import withAddresses, withPaths
from rtcsignal.service.config.schema import Config

__all__ = ["MOST_BYTES", "defaultConfig", "loadConfig", "positionsOfEndpoints"]

MOST_BYTES = 1_048_576
"""A larger file is not a configuration."""

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_DECIMAL = re.compile(r"[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+]?[0-9]+)?")
_LIKE_TEXT = "put it in quotes if it is a string"


def defaultConfig() -> Config:
    """The configuration without a file."""
    return Config()


def loadConfig(path: str) -> Config:
    """Read and check a configuration file.

    Args:
        path: The file. Relative paths in it count from the folder it is in.

    Returns:
        The whole configuration, with absolute paths.

    Raises:
        ConfigError: It cannot be read or says something wrong, with one line for each mistake.
    """
    document = Document(path)
    text = _readText(document, path)
    _parse(document, text)
    if isinstance(document.value, (dict, type(None))):
        config = convert(document)
    else:
        document.problem((), "the file must be a mapping of keys to values")
    base = os.path.dirname(os.path.abspath(path))
    if not document.problems and config.calls.file is not None:
        reason = _whyNotWritable(os.path.join(base, config.calls.file))
        if reason:
            document.problem(("calls", "file"), f"cannot be written: {reason}")
    if document.problems:
        raise ConfigError(document.lines())
    backplane = withUrl(config.backplane, base, lambda key, text: document.problem(("backplane", key), text))
    if config.workers > 1 and config.backplane.url is None and config.backplane.urlFile is None:
        document.problem(("workers",), "more than one requires backplane.url, through which they share their rooms")
    if document.problems:
        raise ConfigError(document.lines())
    folders = tuple(os.path.normpath(os.path.join(base, folder)) for folder in config.plugins.folders)
    file = config.calls.file
    return msgspec.structs.replace(
        config,
        listen=tuple(withPaths(withAddresses(endpoint), base) for endpoint in config.listen),
        plugins=msgspec.structs.replace(config.plugins, folders=folders),
        backplane=backplane,
        calls=config.calls if file is None else msgspec.structs.replace(config.calls, file=os.path.join(base, file)),
    )


def _whyNotWritable(path: str) -> str:
    """Why a file cannot be appended to; empty if it can."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return os.strerror(errno.ENOENT)
    if os.path.exists(path) and not os.path.isfile(path):
        return "it is not a regular file"
    return "" if os.access(path if os.path.exists(path) else folder, os.W_OK) else os.strerror(errno.EACCES)


def positionsOfEndpoints(path: str, count: int) -> tuple[str, ...]:
    """Where the endpoints of a configuration stand: ``file:line:column: key`` of each.

    Args:
        path: A file that `loadConfig` has read.
        count: How many there are.
    """
    document = Document(path)
    _parse(document, _readText(document, path))
    known = {index: ("listen", index) for index in range(count) if ("listen", index) in document.values}
    return tuple(
        f"{document.where(known[index])}: listen.{index}" if index in known else f"{document.where(('port',))}: port"
        for index in range(count)
    )


def _readText(document: Document, path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError([f"{safe(path)}: cannot be read: {reason}"]) from error
    if len(data) > MOST_BYTES:
        raise ConfigError([f"{safe(path)}: is larger than {MOST_BYTES} bytes, too large for a configuration"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = _positionAt(data[: error.start].decode("utf-8", "replace"))
        document.problem((), "is not UTF-8", position=position)
        raise ConfigError(document.lines()) from error


def _parse(document: Document, text: str) -> None:
    """Put what the text says into the document.

    Raises:
        ConfigError: It is neither YAML nor JSON.
    """
    try:
        if not text.lstrip().startswith("{") or not _parseJson(document, text):
            document.value = _Walk(document, text).value
    except RecursionError:
        raise ConfigError([f"{safe(document.name)}:1:1: is nested too deeply"]) from None
    except _Unreadable as error:
        document.problem((), error.reason, position=error.position)
        raise ConfigError(document.lines()) from error


class _Unreadable(Exception):
    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


def _parseJson(document: Document, text: str) -> bool:
    """Read the text as JSON; False when it is YAML that happens to begin with a brace.

    Raises:
        _Unreadable: It is neither, and as JSON it makes sense further than as YAML.
    """
    # In valid JSON a tab is never inside a string: as a space it changes no meaning and no position.
    spaced = text.replace("\t", " ")
    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in items:
            if name in result:
                duplicates.append(name)
            result[name] = value
        return result

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuseConstant)
    except json.JSONDecodeError as error:
        wrong = _Unreadable(Position(error.lineno, error.colno), f"not JSON: {error.msg}")
        try:
            yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as yamlError:
            if _unreadableYaml(yamlError, text).position <= wrong.position:
                raise wrong from None
        return False
    except ValueError as error:
        # NaN and Infinity, or an integer of more digits than Python converts.
        raise _Unreadable(Position(), f"not usable JSON: {error}") from None
    try:
        _Walk(document, spaced)
    except _Unreadable:
        # Valid JSON of a form that YAML does not know; then only the positions are missing.
        for name in duplicates:
            document.problem((name,), "duplicate key", position=Position())
    document.value = value
    return True


def _refuseConstant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


class _Composer(yaml.SafeLoader):
    """Builds the tree of nodes, in which an alias is only noted."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.aliases: list[yaml.events.AliasEvent] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node, or a null in the place of an alias."""
        if not self.check_event(yaml.events.AliasEvent):
            return super().compose_node(parent, index)
        event: Any = yaml.parser.Parser.get_event(self)
        self.aliases.append(event)
        return yaml.ScalarNode(_TAG + "alias", event.anchor, event.start_mark, event.end_mark)


class _Walk:
    """Turns the nodes of a YAML text into values, and notes their positions and problems in a document.

    Args:
        document: Gets the positions and the problems.
        text: The whole file.

    Attributes:
        value: What the text says.
    """

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        try:
            composer = _Composer(text)
            node = composer.get_single_node()
        except yaml.YAMLError as error:
            raise _unreadableYaml(error, text) from None
        self.value = None if node is None else self._value(node, ())

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._document.values[path] = _positionOf(node)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._broken(path, f"the tag {safe(node.tag)} is not known here")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._broken(path, "a key must be a string", _positionOf(key))
                continue
            inner = (*path, key.value)
            if key.value in result:
                first = self._document.keys[inner].line
                self._broken(inner, f"duplicate key (first at line {first})", _positionOf(key))
                continue
            self._document.keys[inner] = _positionOf(key)
            if key.tag == _TAG + "str":
                result[key.value] = self._value(value, inner)
            else:
                self._broken(inner, "a key must be a string; put it in quotes", _positionOf(key))
        return result

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null" and text in ("", "~", "null", "Null", "NULL"):
            return None
        if kind == "bool" and text.lower() in yaml.SafeLoader.bool_values:
            return yaml.SafeLoader.bool_values[text.lower()]
        # Python converts no more digits than this; see sys.set_int_max_str_digits.
        if kind == "int" and _WHOLE.fullmatch(text) and len(text) < 4300:
            return int(text.replace("_", ""))
        if kind == "float" and _DECIMAL.fullmatch(text) and any(map(str.isdigit, text)):
            number = float(text.replace("_", ""))
            return number if math.isfinite(number) else self._broken(path, "is too large a number")
        return self._broken(path, _scalarProblem(kind, text))

    def _broken(self, path: Path, problem: str, position: Position | None = None) -> Any:
        self._document.problem(path, problem, position=position)
        return BROKEN


def _scalarProblem(kind: str, text: str) -> str:
    shown = safe(text, 80)
    if kind == "alias":
        return f"the alias *{shown} is not allowed; write the value out"
    if kind in ("int", "float"):
        return f"{shown} is not a plain decimal number; {_LIKE_TEXT}"
    if kind == "timestamp":
        return f"{shown} is a date for YAML; {_LIKE_TEXT}"
    return f"{shown} is not a plain value; {_LIKE_TEXT}"


def _positionOf(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _positionAt(before: str) -> Position:
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _unreadableYaml(error: yaml.YAMLError, text: str) -> _Unreadable:
    if isinstance(error, yaml.reader.ReaderError):
        return _Unreadable(_positionAt(text[: error.position]), "not YAML: a character that is not allowed")
    mark, problem, context = (getattr(error, name, None) for name in ("problem_mark", "problem", "context"))
    position = Position(mark.line + 1, mark.column + 1) if mark is not None else Position()
    if "found character '\\t'" in str(problem):
        return _Unreadable(position, "not YAML: a tab cannot indent; use spaces")
    return _Unreadable(position, f"not YAML: {f'{context}: ' if context else ''}{safe(str(problem or error))}")
