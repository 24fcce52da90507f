"""Options of plugins: declared once, checked, documented and turned into attributes."""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, overload

import msgspec
from zope.interface import implementer

from rtcsignal.errors import ConfigError
from rtcsignal.interfaces import IConfigurable
from rtcsignal.spelling import didYouMean, snakeCase

__all__ = ["REQUIRED", "Configurable", "Option", "inWords", "readOptions"]

T = TypeVar("T")


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""In the place of a default: the configuration must give the option."""

_WORDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    Path: "the path of a file",
    type(None): "null",
}


class Option(Generic[T]):
    """One option of a `Configurable` plugin, an attribute of its class.

    The attribute's name in snake_case is the key in the configuration. On an object of the class the attribute is
    the option's value.

    Args:
        kind: ``bool``, ``int``, ``float``, ``str``, ``Path``, a list or a mapping of these such as ``list[str]`` or
            ``dict[str, int]``, or any other type that msgspec converts. A relative ``Path`` counts from the
            folder of the configuration file.
        default: Its value if the configuration does not give it, or `REQUIRED`.
        what: One line that says what it sets, with its unit.
        least: Smallest number, or shortest string or list.
        most: Largest number, or longest string or list.
        choices: All strings that it may be.
        secret: It is never shown, and may be given as the path of a file that holds it, with ``_file`` behind the
            key: a string as it is, anything else as JSON.

    Raises:
        TypeError: The default is not of this kind.
    """

    @overload
    def __init__(
        self: Option[T | None],
        kind: type[T],
        default: None,
        what: str,
        *,
        least: float | None = None,
        most: float | None = None,
        choices: tuple[str, ...] = (),
        secret: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        kind: type[T],
        default: T | _Required,
        what: str,
        *,
        least: float | None = None,
        most: float | None = None,
        choices: tuple[str, ...] = (),
        secret: bool = False,
    ) -> None: ...

    def __init__(
        self,
        kind: Any,
        default: Any,
        what: str,
        *,
        least: float | None = None,
        most: float | None = None,
        choices: tuple[str, ...] = (),
        secret: bool = False,
    ) -> None:
        self.kind = kind
        self.default = Path(default) if kind is Path and isinstance(default, str) else default
        self.what = what
        self.least = least
        self.most = most
        self.choices = choices
        self.secret = secret
        if default is not None and default is not REQUIRED and not self._isOfKind(self.default):
            raise TypeError(f"the default of an option must be {inWords(kind)}, not {_shown(default, secret)}")

    def _isOfKind(self, value: Any) -> bool:
        """Whether a value could be the option's, whatever its bounds: a default may mean that nothing is set."""
        if isinstance(self.kind, type) and self.kind is not Any and isinstance(value, self.kind):
            return not isinstance(value, bool) or self.kind is bool
        try:
            self._converted(value)
        except msgspec.ValidationError:
            return False
        return True

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        if self.default is REQUIRED:
            raise AttributeError("a required option was not given")
        return self.default

    def read(self, value: Any) -> T:
        """The option's value, made of what the configuration says.

        Raises:
            ValueError: It is not allowed; the message says what it must be.
        """
        if value is None and self.default is None:
            return typing.cast(T, None)
        try:
            result = self._converted(value)
        except msgspec.ValidationError:
            raise ValueError(f"must be {self.inWords()}, not {_shown(value, self.secret)}") from None
        measured = result if isinstance(result, (int, float)) else len(result) if _sized(result) else None
        outside = measured is not None and (
            (self.least is not None and measured < self.least) or (self.most is not None and measured > self.most)
        )
        if outside or (self.choices and result not in self.choices):
            raise ValueError(f"must be {self.inWords()}, not {_shown(value, self.secret)}")
        return typing.cast(T, result)

    def inWords(self) -> str:
        """What it must be, for people."""
        if self.choices:
            return " or ".join(self.choices)
        return inWords(self.kind) + self._bounds()

    def _bounds(self) -> str:
        least, most = self.least, self.most
        if least is not None and most is not None:
            bounds, last = f"{least:g} to {most:g}", most
        elif least is not None:
            bounds, last = f"at least {least:g}", least
        elif most is not None:
            bounds, last = f"at most {most:g}", most
        else:
            return ""
        if self.kind in (int, float):
            return f" from {bounds}" if " to " in bounds else f" of {bounds}"
        unit = "character" if self.kind is str else "item"
        return f" {'of' if self.kind is str else 'with'} {bounds} {unit}{'' if last == 1 else 's'}"

    def _converted(self, value: Any) -> Any:
        if self.kind is Path:
            return Path(msgspec.convert(value, str))
        return msgspec.convert(value, self.kind)


@implementer(IConfigurable)
class Configurable:
    """Base class of plugins with options: give the class an `Option` for each.

    A class with its own ``__init__`` takes ``**options`` and passes them on. Whatever is derived from the options
    belongs in `prepare`.

    Args:
        options: Values by attribute; for omitted ones the default applies.
    """

    options: Mapping[str, Option[Any]] = types.MappingProxyType({})
    """The options of the class by attribute."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Option)}
        cls.options = types.MappingProxyType({**cls.options, **own})

    def __init__(self, **options: Any) -> None:
        unknown = options.keys() - self.options.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}")
        complete = True
        for name, option in self.options.items():
            if name in options:
                setattr(self, name, options[name])
            elif option.default is REQUIRED:
                complete = False
            else:
                setattr(self, name, copy.deepcopy(option.default))
        if complete:
            self.prepare()

    def prepare(self) -> None:
        """Called once all options have their values. Does nothing here.

        Raises:
            ConfigError: The options do not fit together.
        """

    def configured(self, options: Mapping[str, Any]) -> Any:
        """A new plugin of the same class with these options."""
        return type(self)(**readOptions(self.options, options))


def readOptions(table: Mapping[str, Option[Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """Read what the configuration says of a plugin.

    Args:
        table: The options that there are, by attribute.
        options: The configuration's mapping.

    Returns:
        The values of the options given, by attribute.

    Raises:
        ConfigError: With every mistake: unknown keys, wrong values, required ones missing.
    """
    keys = {snakeCase(name): name for name in table}
    files = {f"{key}_file": key for key, name in keys.items() if table[name].secret}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for key, value in options.items():
        try:
            if key in keys:
                name = keys[key]
            elif key in files:
                name = keys[files[key]]
                value = _secretOf(value, table[name].kind)
                if files[key] in options:
                    raise ValueError(f"give only one of {files[key]} and {key}")
            else:
                raise ValueError(f"unknown option{didYouMean(key, [*keys, *files])}")
            values[name] = table[name].read(value)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    for key, name in keys.items():
        if table[name].default is REQUIRED and not {key, f"{key}_file"} & options.keys():
            problems.append(f"{key}: is required: {table[name].what}")
    if problems:
        raise ConfigError(problems)
    return values


def inWords(kind: Any) -> str:
    """A type, for people."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, tuple, set, frozenset) and arguments:
        return f"a list of {_plural(arguments[0])}"
    if origin is dict:
        return f"a mapping of {_plural(arguments[0])} to {_plural(arguments[1])}"
    if origin is typing.Literal:
        return " or ".join(map(str, arguments))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(inWords, arguments))
    return _WORDS.get(origin or kind, getattr(kind, "__name__", str(kind)))


def _plural(kind: Any) -> str:
    plurals = {str: "strings", int: "whole numbers", float: "numbers", Any: "values"}
    return plurals.get(kind, inWords(kind))


def _sized(value: Any) -> bool:
    return isinstance(value, (str, list, tuple, dict, set, frozenset))


def _shown(value: Any, secret: bool) -> str:
    if secret:
        return "what it is"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


def _secretOf(path: Any, kind: Any) -> Any:
    if not isinstance(path, (str, Path)):
        raise ValueError("must be the path of a file")
    try:
        text = Path(path).read_text("utf-8").strip()
        return text if kind is str else msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise ValueError(f"{path} is not JSON") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ValueError(f"{path} cannot be read: {reason}") from None
