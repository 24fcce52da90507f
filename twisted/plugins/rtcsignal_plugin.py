"""Makes ``twistd rtcsignal`` a command."""

from __future__ import annotations

from typing import Any

from twisted.application.service import ServiceMaker

from rtcsignal.service.early import holdSignals


class _Maker(ServiceMaker):
    """Loads the server when twistd asks for its options, and makes the process safe from signals before."""

    @property
    def options(self) -> Any:
        """The options of the command."""
        holdSignals()
        return super().options


rtcsignal = _Maker("rtcsignal", "rtcsignal.service.tap", "A WebRTC signalling server over Socket.IO.", "rtcsignal")
