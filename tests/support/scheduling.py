"""Which process runs which tests, when there are several."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

__all__ = ["ByServers"]


class ByServers(LoadScopeScheduling):  # type: ignore[misc]
    """A file is one process's, as its servers are, and two calls between browsers never compete."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid.partition("::")[0]
