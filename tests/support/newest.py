"""Find the newest CPython of this machine that is newer than the one that asks, so that a release is no surprise.

    python -m tests.support.newest

It prints the path, or nothing: then it says on the standard error that there is none. Looked through are the folders
of PATH, and where pyenv and uv keep theirs. Releases count, candidates for one and builds without the GIL do not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

__all__ = ["newestBeside"]

Version: TypeAlias = tuple[int, int, int]

OLDEST: Final = (3, 13)
"""What there is to be tried: the versions before it are those that everybody has."""

_NAME = re.compile(r"python3\.\d+")
_ASK = """
import sys, sysconfig
release = sys.implementation.name == "cpython" and sys.version_info.releaselevel == "final"
if release and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print(*sys.version_info[:3])
"""


def newestBeside(first: tuple[int, int], environ: Mapping[str, str]) -> Path | None:
    """The newest interpreter, None when there is none of a later feature release.

    Args:
        first: The feature release of the one that need not be found, such as (3, 11).
        environ: Where PATH, HOME, PYENV_ROOT and UV_PYTHON_INSTALL_DIR are looked up.
    """
    found = {path: version for path in _candidates(environ) if (version := _versionOf(path)) is not None}
    newer = [(version, path) for path, version in found.items() if version[:2] > first and version[:2] >= OLDEST]
    return max(newer)[1] if newer else None


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder) and os.path.isdir(folder):
            yield from (path for path in Path(folder).iterdir() if _NAME.fullmatch(path.name))
    home = Path(environ.get("HOME", "/"))
    pyenv = Path(environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR", home / ".local" / "share" / "uv" / "python"))
    for versions in (pyenv, uv):
        yield from versions.glob("*/bin/python3")


def _versionOf(python: Path) -> Version | None:
    """What it says itself; None for what is none, or does not run."""
    try:
        asked = subprocess.run([python, "-Ic", _ASK], capture_output=True, text=True, timeout=60, check=False)
        major, minor, micro = map(int, asked.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (major, minor, micro) if asked.returncode == 0 else None


def main() -> None:
    """Print its path, or say that there is none."""
    own = sys.version_info[:2]
    newest = newestBeside(own, os.environ)
    if newest is None:
        print(f"no CPython newer than {own[0]}.{own[1]} is here, and so the tests run on no other", file=sys.stderr)
    else:
        print(newest)


if __name__ == "__main__":
    main()
