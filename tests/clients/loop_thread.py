"""An asyncio loop in a thread of its own, for tests that wait in the ordinary way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from tests.support.patience import PATIENCE

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for a thread that has no loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine there and waits for what it returns; raises TimeoutError when it takes too long."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, PATIENCE), self._loop).result()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine there, and does not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Ends the thread, with whatever still runs there."""
        asyncio.run_coroutine_threadsafe(self._cancelOthers(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _cancelOthers(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
