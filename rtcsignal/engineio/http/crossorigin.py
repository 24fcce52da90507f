"""What pages of other origins may do here: use the server if the rule on origins allows them, otherwise nothing.

Browsers say by the header Origin which page a request is from, but not with a plain GET: that of a script, a picture
or a style sheet names no origin, and its answer, were it a script, would run in the page that asked for it. Newer
browsers say by Sec-Fetch-Site whose page it is, older ones perhaps by Referer. So

- a request with an Origin is served if the rule allows that;
- one without is refused if Sec-Fetch-Site says that it comes from another site, unless its Referer is allowed;
- an answer that is a script (JSONP) is given only to a page that is known to be allowed;
- every answer keeps browsers from taking it for something else, and from handing it to a page that is not allowed.

Source: Fetch standard ("CORS protocol", "Cross-Origin-Resource-Policy header", "X-Content-Type-Options header"),
Fetch Metadata Request Headers section 2.
"""

from __future__ import annotations

from rtcsignal.engineio.http.exchange import (
    Request,
    RequestError,
    Response,
    badRequest,
    forbidden,
    noScripts,
    scriptsForbidden,
)
from rtcsignal.engineio.http.origin import OriginRule

__all__ = ["asksForScript", "pageRefusal", "preflight", "scriptRefusal", "withCors"]

_OUR_SITE = ("same-origin", "none")
_OTHER_SITES = ("cross-site", "same-site")
_VARY = ("Vary", "Origin")
_AS_TYPED = ("X-Content-Type-Options", "nosniff")
_FOR_ANYONE = (_VARY, _AS_TYPED)
_FOR_OURS = (_VARY, _AS_TYPED, ("Cross-Origin-Resource-Policy", "same-origin"))


def pageRefusal(request: Request, rule: OriginRule) -> RequestError | None:
    """Why the page that a request comes from may not use the server; None if it may, or if it is not from a page."""
    origin = _originOf(request)
    if origin is None:
        if request.headers.get("sec-fetch-site") not in _OTHER_SITES or _refererIsAllowed(request, rule):
            return None
        return forbidden("Origin not allowed")
    if not origin.isprintable():
        return badRequest()
    return None if _allows(request, rule, origin) else forbidden("Origin not allowed")


def asksForScript(request: Request) -> bool:
    """Whether a request wants its answer as a script (JSONP)."""
    return "j" in request.query


def scriptRefusal(request: Request, rule: OriginRule, enabled: bool) -> RequestError | None:
    """Why a request is not answered by a script; None if it may be.

    Args:
        request: One that `pageRefusal` has no objection to.
        rule: Which pages may use the server.
        enabled: JSONP is served at all.
    """
    if not enabled:
        return noScripts()
    known = _originOf(request) is not None or request.headers.get("sec-fetch-site") in _OUR_SITE
    if known or _refererIsAllowed(request, rule):
        return None
    return scriptsForbidden()


def withCors(request: Request, response: Response, rule: OriginRule) -> Response:
    """The answer with what a browser requires to hand it to a page of another origin, if the rule allows that origin;
    otherwise with what keeps the browser from it."""
    origin = _originOf(request)
    if origin is not None and _allows(request, rule, origin):
        allowed = (("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true"))
        return response.plus(*allowed, *_FOR_ANYONE)
    if rule.allowsAny or (asksForScript(request) and _refererIsAllowed(request, rule)):
        return response.plus(*_FOR_ANYONE)
    return response.plus(*_FOR_OURS)


def preflight(request: Request) -> Response:
    """The answer to OPTIONS, before the headers of `withCors`."""
    asked = request.headers.get("access-control-request-headers", "")
    headers = [("Access-Control-Allow-Methods", "GET, POST, OPTIONS"), ("Access-Control-Max-Age", "600")]
    if asked and asked.isascii() and asked.isprintable():
        headers.append(("Access-Control-Allow-Headers", asked))
    return Response(204, b"", tuple(headers))


def _originOf(request: Request) -> str | None:
    """The origin that a request names; None if it names none.

    ElephantIO, a client in PHP, says ``*``, which is the origin of no page.
    """
    origin = request.headers.get("origin")
    return None if origin == "*" else origin


def _allows(request: Request, rule: OriginRule, origin: str) -> bool:
    return rule.allows(origin, request.forwardedHost or request.headers.get("host", ""), request.secure)


def _refererIsAllowed(request: Request, rule: OriginRule) -> bool:
    if rule.allowsAny:
        return True
    scheme, separator, rest = request.headers.get("referer", "").partition("://")
    # What ends a host in a URL; a backslash is a slash to browsers.
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0].partition("\\")[0]
    return _allows(request, rule, scheme + separator + host) if host else False
