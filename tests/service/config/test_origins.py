"""Which entries of ``origins`` can match something, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.service.config.origins import originProblem

FORM = 'must look like "https://example.org"'


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "file://",
        "https://example.org",
        "HTTPS://Example.ORG",
        "https://example.org.",
        "http://localhost:3000",
        "http://127.0.0.1:65535",
        "http://[::1]:8080",
        "ws://example.org:8080",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
        "app://.",
        "https://xn--bcher-kva.example",
        "https://my_host-1.example",
        "https://*.example.org",
        "https://*.example.org:8443",
        "https://*.*.example.org",
        "https://app.*.example.org",
    ],
)
def test_anOriginAsBrowsersSendItIsFine(text: str) -> None:
    assert originProblem(text) is None
    assert OriginRule([text]).allows(text.replace("*", "a"), "server.test")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", FORM),
        ("example.org", FORM),
        ("//example.org", FORM),
        ("*://example.org", FORM),
        ("https:/example.org", FORM),
        ("https://", FORM),
        ("https://:80", FORM),
        ("https:///", FORM),
        ("https://example.org/", "must not end in a slash"),
        ("https://example.org:8080/", "must not end in a slash"),
        ("https://*.example.org/", "must not end in a slash"),
        ("https://example.org/page", FORM),
        ("https://example.org/*", FORM),
        ("https://example.org?x", FORM),
        ("https://user@example.org", FORM),
        ("https://exam ple.org", FORM),
        ("https://a.test,https://b.test", FORM),
        ("https://a.test,b.test", FORM),
        ("https://example..org", FORM),
        ("https://-example.org", FORM),
        (f"https://{'a' * 64}.org", FORM),
        ("https://a:b:80", FORM),
        ("https://ex%41mple.org", FORM),
        ("null/", FORM),
        ("file:///", 'must be "file://"'),
        ("file:///home/page.html", 'must be "file://"'),
        ("https://*", "as the last label"),
        ("https://*:8443", "as the last label"),
        ("https://example.*", "as the last label"),
        ("https://app-*.example.org", "in place of a whole label"),
        ("https://**.example.org", "in place of a whole label"),
        ("https://*example.org", "in place of a whole label"),
        ("https://.example.org", '"*.example.org" allows'),
        ("https://b\xfccher.example", '"xn--bcher-kva.example"'),
        ("https://\xfc..example", FORM),
        ("http://127.1", "four numbers"),
        ("http://127.0.0.1.", "four numbers"),
        ("http://0x7f.0x1", "four numbers"),
        ("http://example.42", "four numbers"),
        ("http://[::1", FORM),
        ("http://[1.2.3.4]", "IPv6 address"),
        ("http://[fe80::1%eth0]", "IPv6 address"),
        ("http://[0:0::1]", 'in its shortest form, "[::1]"'),
        ("https://example.org:", "requires a port number"),
        ("https://example.org:65536", "requires a port number"),
        ("https://example.org:080808080", "requires a port number"),
        ("https://example.org:0443", "without leading zeros"),
        ("https://example.org:0", "without leading zeros"),
        ("https://example.org:x", FORM),
        ("https://example.org:*", FORM),
    ],
)
def test_whatCanNeverMatchIsExplained(text: str, problem: str) -> None:
    assert problem in (originProblem(text) or "")
