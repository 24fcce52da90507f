"""Coverage-guided fuzzing of one decoder, for a bounded time. Needs atheris: ``pip install -e '.[fuzz]'``.

    python -m tests.fuzz socketPacket --seconds 60

It begins with ``tests/corpus/<target>/``, and puts what reaches something new into a folder of its own. What fails is
written to ``crash-*`` in the current folder; add it to the corpus, where a test will run it for ever.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("Atheris is needed: pip install -e '.[fuzz]'")

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def main() -> None:
    """Fuzz, and end the process."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description="Fuzz a decoder")
    parser.add_argument("target", choices=sorted(folder.name for folder in CORPUS.iterdir()))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--most", type=int, default=200, help="largest input, in bytes")
    parser.add_argument("--into", type=Path, help="a folder for inputs that reach something new (build/fuzz/TARGET)")
    options = parser.parse_args()
    with atheris.instrument_imports(include=["rtcsignal"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[options.target]
    into = options.into or Path("build", "fuzz", options.target)
    into.mkdir(parents=True, exist_ok=True)
    folders = [str(into), str(CORPUS / options.target)]  # what is new goes into the first one
    limits = [f"-max_total_time={options.seconds}", f"-max_len={options.most}"]
    atheris.Setup([sys.argv[0], *limits, *folders], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
