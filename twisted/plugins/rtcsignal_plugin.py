"""Makes ``twistd rtcsignal`` a command."""

from __future__ import annotations

from twisted.application.service import ServiceMaker

rtcsignal = ServiceMaker(
    "rtcsignal", "rtcsignal.service.tap", "A WebRTC signalling server over Socket.IO.", "rtcsignal"
)
