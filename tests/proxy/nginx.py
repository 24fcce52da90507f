"""Runs nginx with docs/nginx.conf: as it stands, but for addresses, ports and the certificate."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT, Process, startProcess

__all__ = ["CONFIG", "Certificate", "Proxy", "runNginx"]

CONFIG = ROOT / "docs" / "nginx.conf"

_UPSTREAM = re.compile(r"^upstream rtcsignal \{.*?^\}\n", re.MULTILINE | re.DOTALL)
_MAIN = """\
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost that nobody has signed but itself, as files in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Proxy:
    """A running nginx.

    Attributes:
        url: Where it does TLS.
        plain: Where it does not.
        folder: With its files; `access.log` among them.
        process: The process.
    """

    url: str
    plain: str
    folder: Path
    process: Process


@contextmanager
def runNginx(
    folder: Path, backends: int | Sequence[int], certificate: Certificate, upstream: str = ""
) -> Iterator[Proxy]:
    """Run nginx before a server, or before several nodes, which take turns.

    Args:
        folder: For its files.
        backends: Its port on 127.0.0.1, or theirs.
        certificate: What it shows.
        upstream: What stands there for the ``upstream``; the backends are in it.
    """
    servers = [backends] if isinstance(backends, int) else backends
    with _listening() as plain, _listening() as secure:
        ports = plain.getsockname()[1], secure.getsockname()[1]
        (folder / "site.conf").write_text(_site(servers, *ports, certificate, upstream), encoding="utf-8")
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder), encoding="utf-8")
        handles = (plain.fileno(), secure.fileno())
        # nginx cannot choose a free port itself, but takes open ones from a predecessor: we are that.
        environment = {**os.environ, "NGINX": "".join(f"{handle};" for handle in handles)}
        command = [_program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        with startProcess(command, env=environment, until=r"start worker process \d+", inherit=handles) as process:
            yield Proxy(f"https://localhost:{ports[1]}", f"http://127.0.0.1:{ports[0]}", folder, process)


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def _program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise LookupError("nginx is not installed")
    return found


def _site(backends: Sequence[int], plain: int, secure: int, certificate: Certificate, upstream: str) -> str:
    """The site of docs/nginx.conf on ports of this machine. Each change must find what it changes."""
    text = CONFIG.read_text(encoding="utf-8")
    if upstream:
        text = _UPSTREAM.sub(lambda _: f"{upstream}# server 127.0.0.1:8080;\n", text)
    if "$rtcsignal_nodes" in upstream:
        text = text.replace("proxy_pass http://rtcsignal;", "proxy_pass http://$rtcsignal_nodes;")
    for old, new in (
        (r"listen \[::\]:80;", ""),
        (r"listen \[::\]:443 ssl;", ""),
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
        (r"server 127\.0\.0\.1:8080;", " ".join(f"server 127.0.0.1:{port};" for port in backends)),
        (r"ssl_certificate +\S+;", f"ssl_certificate {certificate.certificate};"),
        (r"ssl_certificate_key +\S+;", f"ssl_certificate_key {certificate.key};"),
    ):
        text, count = re.subn(old, new, text)
        if count != 1:
            raise AssertionError(f"{CONFIG.name} has {old!r} {count} times")
    return text
