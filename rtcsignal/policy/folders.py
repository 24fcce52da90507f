"""Plugins in folders: every Python file, compiled from its source at each load.

Neither compiled files nor times of files play a part, so a file that was replaced is always the one that runs. Each
load makes modules of its own; those of the load before live on until the plugins made of them are not used any
more. The files of one folder are modules of one package, and may import each other (``from ._shared import x``).
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import sys
from collections.abc import Iterator
from importlib.machinery import FileFinder, SourceFileLoader
from time import perf_counter
from types import CodeType, ModuleType, TracebackType

from rtcsignal.logtext import safe, textOf
from rtcsignal.policy.guard import BLOCKING_SECONDS
from rtcsignal.policy.shape import Problem

__all__ = ["Generation", "whyNotImported"]

_PREFIX = "rtcsignal-plugins:"
_numbers = itertools.count(1)


class _FromSource(SourceFileLoader):
    """Looks at the source alone."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _finder(path: str) -> FileFinder:
    """Finds the modules of our packages, for Python's import machinery."""
    if not path.startswith(_PREFIX):
        raise ImportError
    return FileFinder(path.partition("|")[2], (_FromSource, [".py"]))


sys.path_hooks.append(_finder)


class Generation:
    """The modules of one load.

    Attributes:
        slow: The files whose import took so long that it is worth a word, with the seconds it took.
    """

    def __init__(self) -> None:
        self.slow: list[tuple[str, float]] = []
        self._number = next(_numbers)
        self._packages: list[ModuleType] = []

    def load(self, folder: str) -> Iterator[ModuleType | Problem]:
        """Import every file of a folder, except those whose names begin with an underscore.

        Args:
            folder: An absolute path.

        Returns:
            For each file its module, or what was wrong with it.
        """
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            yield Problem(folder, 0, f"the folder of plugins cannot be read: {error.strerror}")
            return
        package = self._package(folder)
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".py") or name[0] in "_.":
                continue
            if os.path.isfile(path):
                yield self._file(package, path)
            elif not os.path.exists(path):
                yield Problem(path, 0, "the link leads nowhere")

    def loadFile(self, path: str) -> ModuleType | Problem:
        """Import one file of a folder, whatever its name, and no other.

        Args:
            path: An absolute path.
        """
        return self._file(self._package(os.path.dirname(path)), path)

    def discard(self) -> None:
        """Forget the modules. Objects made of them stay what they are."""
        for package in self._packages:
            inside = package.__name__ + "."
            for name in [name for name in sys.modules if name.startswith(inside)]:
                del sys.modules[name]
            sys.modules.pop(package.__name__, None)
            loggers = logging.Logger.manager.loggerDict
            for name in [name for name in loggers if name.startswith(inside)]:
                del loggers[name]
            for entry in package.__path__:
                sys.path_importer_cache.pop(entry, None)
        self._packages.clear()

    def _package(self, folder: str) -> ModuleType:
        package = ModuleType(f"rtcsignal_plugins_{self._number}_{len(self._packages)}")
        package.__path__ = [f"{_PREFIX}{package.__name__}|{folder}"]
        sys.modules[package.__name__] = package
        self._packages.append(package)
        return package

    def _file(self, package: ModuleType, path: str) -> ModuleType | Problem:
        stem = os.path.basename(path).removesuffix(".py")
        if "." in stem:
            return Problem(path, 0, "the name of a plugin's file must not hold a further dot")
        began = perf_counter()
        try:
            return importlib.import_module(f"{package.__name__}.{stem}")
        except BaseException as error:  # also SystemExit and KeyboardInterrupt, which a script may raise itself
            return whyNotImported(error, path)
        finally:
            took = perf_counter() - began
            if took > BLOCKING_SECONDS:
                self.slow.append((path, took))


def whyNotImported(error: BaseException, path: str) -> Problem:
    """What an exception says of the file whose import raised it.

    Args:
        error: The exception.
        path: The file.
    """
    text = type(error).__name__
    message = error.msg if isinstance(error, SyntaxError) else textOf(error)
    if message:
        text = f"{text}: {safe(message)}"
    if isinstance(error, SyntaxError):
        file = error.filename or path
        return Problem(file, error.lineno or _unreadableLine(file), text)
    return Problem(path, _lineIn(path, error.__traceback__), text)


def _unreadableLine(path: str) -> int:
    """The line of a file of which Python says only that it cannot be read: a null byte's, or else its coding's."""
    try:
        with open(path, "rb") as file:
            before, null, _ = file.read().partition(b"\0")
    except OSError:
        return 0
    return before.count(b"\n") + 1 if null else 1


def _lineIn(path: str, traceback: TracebackType | None) -> int:
    """The last line of a file that was running."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
