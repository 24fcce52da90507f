"""What is logged while a test runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

__all__ = ["observed"]

Observer = TypeVar("Observer", bound=Callable[[LogEvent], None])


@contextmanager
def observed(observer: Observer) -> Iterator[Observer]:
    """Within the block an observer is called with everything that is logged."""
    listening = cast(ILogObserver, observer)
    globalLogPublisher.addObserver(listening)
    try:
        yield observer
    finally:
        globalLogPublisher.removeObserver(listening)
