"""Coverage-guided fuzzing of one decoder, for a bounded time. Needs atheris: ``pip install -e '.[fuzz]'``.

    python -m tests.fuzz socketPacket --seconds 60

It begins with ``tests/corpus/<target>/``, and adds to ``--into`` what reaches something new. What fails is written to
``crash-*`` in the current folder; add it to the corpus, where a test will run it for ever.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def main() -> None:
    """Fuzz, and end the process."""
    parser = argparse.ArgumentParser(description="Fuzz a decoder")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--most", type=int, default=200, help="largest input, in bytes")
    parser.add_argument("--into", help="a folder for further inputs that are worth keeping")
    options = parser.parse_args()
    with atheris.instrument_imports(include=["rtcsignal"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[options.target]
    folders = [*([options.into] if options.into else []), str(CORPUS / options.target)]
    limits = [f"-max_total_time={options.seconds}", f"-max_len={options.most}"]
    atheris.Setup([sys.argv[0], *limits, *folders], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
