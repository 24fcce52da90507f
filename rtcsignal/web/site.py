"""The resources of the public port, beside Socket.IO."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from twisted.web.http import OK
from twisted.web.resource import Resource

from rtcsignal.web.pages import Branch, Page, Reply
from rtcsignal.web.status import statusPage

__all__ = ["makeRoot"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".map": "application/json; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

_DEMO_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept by browsers, but asked for each time: after an upgrade of the server no page is a mixture of two.
    "Cache-Control": "no-cache",
}


def makeRoot(demo: bool) -> Resource:
    """The root of the site: ``/status``, and the demo page at ``/`` if it is wanted. All else is a 404.

    Args:
        demo: Whether the demo page is shown.

    Returns:
        A resource that takes further children with ``putChild``.
    """
    root = Branch()
    root.putChild(b"status", statusPage())
    if not demo:
        return root
    with as_file(files("rtcsignal.web").joinpath("demo")) as folder:
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.suffix in _TYPES:
                root.putChild(file.name.encode(), _filePage(file))
        root.putChild(b"", _filePage(folder / "index.html"))
    return root


def _filePage(file: Path) -> Page:
    headers = {"Content-Type": _TYPES[file.suffix], **_DEMO_HEADERS}
    return Page(Reply(OK, file.read_bytes(), headers, modified=int(file.stat().st_mtime)))
