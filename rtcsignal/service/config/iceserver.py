"""One entry of ``ice.servers``: how it is read, and the files of its secrets with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

import msgspec

from rtcsignal.iceservers import MOST_USERNAME, Secret, isTurn, urlProblem
from rtcsignal.logtext import safe
from rtcsignal.service.config.document import BROKEN, Document, Path
from rtcsignal.spelling import didYouMean

__all__ = ["IceServerUse", "readIceServer"]

_KEYS = ("urls", "secret", "secret_file", "username", "credential", "credential_file")
_MOST_SECRET_BYTES = 65_536


class IceServerUse(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``ice.servers``.

    Attributes:
        urls: Its URLs.
        secret: What this server and TURN share, if credentials are made of that.
        username: The user name that is always the same.
        credential: The password that belongs to it.
        openFiles: The files of its secrets that others may read.
    """

    urls: tuple[str, ...]
    secret: Secret | None = None
    username: str | None = None
    credential: Secret | None = None
    openFiles: tuple[str, ...] = ()

    @property
    def hasRelay(self) -> bool:
        """Whether one of its URLs is one of TURN."""
        return any(map(isTurn, self.urls))


def readIceServer(document: Document, value: Any, path: Path) -> IceServerUse | None:
    """Read an entry, and its secrets from their files, whose paths count from the folder of the configuration.

    Args:
        document: Gets the problems.
        value: The entry.
        path: Where it stands.

    Returns:
        None if something is wrong with it.
    """
    if value is BROKEN:
        return None
    if not isinstance(value, dict):
        document.problem(path, "must be a mapping with urls and perhaps a secret")
        return None
    return _Entry(document, value, path).read()


class _Entry:
    """Reads one entry."""

    def __init__(self, document: Document, value: Mapping[str, Any], path: Path) -> None:
        self._document = document
        self._value = value
        self._path = path
        self._isWrong = False
        self._openFiles: list[str] = []

    def read(self) -> IceServerUse | None:
        for name in self._value:
            if name not in _KEYS:
                self._wrong(name, f"unknown key{didYouMean(name, _KEYS)}", key=True)
        urls = self._urls()
        secret, credential = self._secret("secret"), self._secret("credential")
        username = self._text("username")
        if not self._isWrong:
            self._fitTogether(urls)
        return self._made(urls, secret, username, credential)

    def _made(
        self, urls: tuple[str, ...], secret: Secret | None, username: str | None, credential: Secret | None
    ) -> IceServerUse | None:
        if self._isWrong:
            return None
        openFiles = tuple(self._openFiles)
        return IceServerUse(urls=urls, secret=secret, username=username, credential=credential, openFiles=openFiles)

    def _urls(self) -> tuple[str, ...]:
        urls = self._value.get("urls", ())
        if urls is BROKEN:
            self._isWrong = True
            return ()
        if not isinstance(urls, list) or not urls:
            what = "is required: a list of URLs" if "urls" not in self._value else "must be a list of at least one URL"
            self._wrong("urls", what)
            return ()
        for index, url in enumerate(urls):
            if url is BROKEN:
                self._isWrong = True
            elif not isinstance(url, str):
                self._wrong("urls", "must be a string", index)
            elif urlProblem(url) is not None:
                self._wrong("urls", f'{urlProblem(url)} ("{safe(url, 80)}")', index)
            elif url in urls[:index]:
                self._wrong("urls", f'"{safe(url, 80)}" is there twice', index)
        return tuple(url for url in urls if isinstance(url, str))

    def _fitTogether(self, urls: tuple[str, ...]) -> None:
        """Which of the keys belong together."""
        has = {name: self._has(name) for name in ("secret", "username", "credential")}
        if has["secret"] and (has["username"] or has["credential"]):
            other = "username" if has["username"] else self._nameOf("credential")
            self._wrong(other, f"credentials are made of {self._nameOf('secret')}: give either that or these")
        elif has["username"] and not has["credential"]:
            self._wrong("username", "requires a credential or a credential_file")
        elif has["credential"] and not has["username"]:
            self._wrong(self._nameOf("credential"), "requires a username")
        elif any(map(isTurn, urls)) and not any(has.values()):
            text = "TURN requires a secret_file that it shares with this server, or a username and a credential_file"
            self._wrong(None, text)

    def _has(self, name: str) -> bool:
        return name in self._value or f"{name}_file" in self._value

    def _nameOf(self, name: str) -> str:
        return name if name in self._value else f"{name}_file"

    def _text(self, name: str) -> str | None:
        """A string; it is not quoted, as it may be a secret."""
        if name not in self._value:
            return None
        value = self._value[name]
        if value is BROKEN:
            self._isWrong = True
        elif not isinstance(value, str):
            self._wrong(name, "must be a string; put it in quotes")
        elif not value:
            self._wrong(name, "is empty")
        elif name == "username" and len(value.encode("utf-8", "surrogatepass")) > MOST_USERNAME:
            self._wrong(name, f"must have {MOST_USERNAME} bytes at most")
        else:
            return value
        return None

    def _secret(self, name: str) -> Secret | None:
        file = f"{name}_file"
        if name in self._value and file in self._value:
            self._wrong(file, f"give only one of {name} and {file}")
            return None
        text = self._text(name) if name in self._value else self._content(file)
        return None if text is None else Secret(text)

    def _content(self, name: str) -> str | None:
        """What a file holds; one end of a line at its end is none of it."""
        given = self._text(name)
        if given is None:
            return None
        path = os.path.join(os.path.dirname(os.path.abspath(self._document.name)), given)
        shown = safe(path, 1000)
        try:
            with open(path, "rb") as stream:
                data = stream.read(_MOST_SECRET_BYTES + 1)
                mode = os.fstat(stream.fileno()).st_mode
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self._wrong(name, f"{shown} is not UTF-8")
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._wrong(name, f"{shown} cannot be read: {reason}")
            return None
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
        if not text or len(data) > _MOST_SECRET_BYTES:
            self._wrong(name, f"{shown} {'is empty' if not text else 'is too large for a secret'}")
            return None
        if mode & stat.S_IROTH:
            self._openFiles.append(path)
        return text

    def _wrong(self, name: str | None, problem: str, index: int | None = None, key: bool = False) -> None:
        self._isWrong = True
        path = self._path if name is None else (*self._path, name)
        self._document.problem(path if index is None else (*path, index), problem, key=key)
