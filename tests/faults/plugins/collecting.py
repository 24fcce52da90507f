"""A plugin that asks the garbage collector: what is there that nobody could reach, and only it has found?"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from zope.interface import implementer

from rtcsignal.api import IEventHandler


@implementer(IEventHandler)
class Collecting:
    """`begin-collecting` switches the collector off, and from then on `what-was-left` tells what it would have found.

    `modules-of-plugins` tells which modules of plugins are alive.
    """

    name = "collecting"
    events = ("begin-collecting", "what-was-left", "modules-of-plugins")

    def handleEvent(self, peer: Any, room: Any, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if event == "modules-of-plugins":
            gc.unfreeze()
            modules = [each.__name__ for each in gc.get_objects() if isinstance(each, ModuleType)]
            return {"modules": sorted(name for name in modules if name.startswith("rtcsignal_plugins"))}
        if event == "begin-collecting":
            gc.disable()
            gc.collect()
        found = self._left()
        return {"found": found}

    def _left(self) -> dict[str, int]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found = Counter(map(_nameOf, gc.garbage))
        gc.garbage.clear()
        gc.collect()
        return dict(found)


def _nameOf(each: Any) -> str:
    """The class of an object, and for what has no class of its own what it is made of."""
    name = f"{type(each).__module__}.{type(each).__qualname__}"
    if isinstance(each, FunctionType):
        return f"{name} {each.__qualname__}"
    if isinstance(each, MethodType):
        return f"{name} {each.__func__.__qualname__}"
    if isinstance(each, FrameType):
        return f"{name} {each.f_code.co_qualname}"
    if isinstance(each, dict):
        return f"{name} of {', '.join(map(str, list(each)[:4]))[:100]}"
    return name


collecting = Collecting()
