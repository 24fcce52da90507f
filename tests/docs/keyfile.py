"""etc/server.conf, made from the schema: every key with its comment and its default.

python -m tests.docs      writes it, and the tables of docs/configuration.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import msgspec

from rtcsignal.service.config.keydocs import KeyDoc, keyDocs
from rtcsignal.service.config.keys import Section, isHidden
from rtcsignal.service.config.schema import Config
from tests.support.processes import ROOT

__all__ = ["FILE", "rendered"]

FILE = ROOT / "etc" / "server.conf"

_HEAD = """\
# The configuration of rtcsignal: every key with its meaning, its default and the reason for the default.
#
# Try it:   twistd rtcsignal --check --config server.conf
# Start it: twistd -n rtcsignal --config server.conf
#
# A key that is left out has its default. Two keys here differ from theirs: plugins.folders and web.demo.
# The file is YAML; JSON works as well.
"""
_OTHERS: dict[str, Any] = {"plugins.folders": ["../plugins"], "web.demo": True}
_EXAMPLES = {
    "proxies": 'proxies: ["127.0.0.1", "10.0.0.0/8"]',
    "socketio.without_eio": "without_eio: refuse",
    "plugins.use": "use: [members-only, room-size: {most: 4}]",
}
_WIDTH = 115
_PLAIN = re.compile(r"[a-z]+|[/.]{1,3}[a-z./]*[a-z][a-z./]*")
_NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off"}


def rendered() -> str:
    """The whole file."""
    docs = {doc.path: doc for doc in keyDocs()}
    return "\n".join([_HEAD, *_section(Config, "", docs)])


def _section(section: type[Section], prefix: str, docs: dict[str, KeyDoc]) -> Iterator[str]:
    indent = "  " * prefix.count(".")
    for field in msgspec.structs.fields(section):
        if isHidden(field):
            continue
        path = prefix + field.encode_name
        if path in docs:
            yield from _key(docs[path], field.encode_name, indent)
        else:
            what = (field.type.__doc__ or "").partition(": ")[2]
            yield from _comment(what[:1].upper() + what[1:], indent)
            yield f"{indent}{field.encode_name}:\n"
            yield from _section(field.type, path + ".", docs)


def _key(doc: KeyDoc, name: str, indent: str) -> Iterator[str]:
    unit = f" {doc.key.unit}" if doc.key.unit else ""
    yield from _comment(doc.key.what, indent)
    yield from _comment(f"Default: {doc.default}{unit}. {doc.key.why}", indent)
    if doc.path in _EXAMPLES:
        yield from _comment(f"Example: {_EXAMPLES[doc.path]}", indent)
    value = _OTHERS.get(doc.path, json.loads(doc.default))
    yield f"{indent}{name}: {_yaml(value)}\n"


def _comment(text: str, indent: str) -> Iterator[str]:
    lead = f"{indent}# "
    yield from wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)


def _yaml(value: Any) -> str:
    if isinstance(value, list) and all(map(_isPlain, value)):
        return f"[{', '.join(value)}]"
    return str(value) if _isPlain(value) else json.dumps(value)


def _isPlain(value: Any) -> bool:
    """It is a string that YAML reads as one without quotes."""
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value not in _NOT_PLAIN
