"""Coroutines of plugins, step by step: whoever blocks after he has waited is found as well."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any

__all__ = ["measured"]


def measured(
    coroutine: Coroutine[Any, Any, Any], stopwatch: Callable[[], float], took: Callable[[float], None]
) -> Generator[Any, Any, Any]:
    """The same as a coroutine, for `Deferred.fromCoroutine`; tells how long each step but the first one runs.

    The first step is a part of the call that has made the coroutine, and is measured with it.

    Args:
        coroutine: A coroutine that has not begun.
        stopwatch: Seconds on a clock that does not jump.
        took: Called with the seconds of a step, from one wait to the next or to the end.
    """
    argument: Any = None
    step: Callable[[Any], Any]
    try:
        waited = coroutine.send(argument)
    except StopIteration as end:
        return end.value
    while True:
        try:
            argument, step = (yield waited), coroutine.send
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            argument, step = error, coroutine.throw
        began = stopwatch()
        try:
            waited = step(argument)
        except StopIteration as end:
            return end.value
        finally:
            took(stopwatch() - began)
