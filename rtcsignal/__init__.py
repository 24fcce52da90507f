"""A WebRTC signalling server over Socket.IO, shaped by plugins and run by twistd."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
