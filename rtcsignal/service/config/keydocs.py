"""The keys of the configuration as a flat list with all that is to be said about them, for documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec

from rtcsignal.service.config.iceserver import IceServerUse
from rtcsignal.service.config.keys import Key, Section, isHidden
from rtcsignal.service.config.plugins import PluginUse
from rtcsignal.service.config.schema import Config

__all__ = ["KeyDoc", "keyDocs"]


@dataclass(frozen=True)
class KeyDoc:
    """A key of the file, for documentation.

    Attributes:
        path: Its names from the top, joined by dots.
        kind: Its type in words.
        default: Its default as it is written in the file.
        key: What else is known about it.
    """

    path: str
    kind: str
    default: str
    key: Key


def keyDocs(section: type[Section] = Config, prefix: str = "") -> Iterator[KeyDoc]:
    """All keys below a section, in the order of the file."""
    defaults = section()
    for field in msgspec.structs.fields(section):
        path = prefix + field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from keyDocs(field.type, path + ".")
        elif not isHidden(field):
            value = getattr(defaults, field.name)
            yield KeyDoc(path, _inWords(field.type), json.dumps(value), _keyOf(field.type))


def _keyOf(annotation: Any) -> Key:
    return next(item for item in annotation.__metadata__ if isinstance(item, Key))


def _inWords(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        return _inWords(annotation.__origin__)
    if get_origin(annotation) is tuple:
        return f"list of {_inWords(get_args(annotation)[0])}"
    if get_origin(annotation) is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if type(None) in get_args(annotation):
        return f"{_inWords(get_args(annotation)[0])} or null"
    return _WORDS[annotation]


_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    IceServerUse: "mappings of urls, and secret_file or username and credential_file",
    PluginUse: "names, or mappings of one name to options",
}
