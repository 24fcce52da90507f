"""The JavaScript modules, run by Node's own test runner: no browser, no network, and a clock that stands still."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.processes import ROOT, runToEnd
from tests.support.tools import needed

_MODULES = ROOT / "rtcsignal" / "web" / "demo"
_TESTS = Path(__file__).parent / "unit"
_MOST_LINES = 400


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the modules that tells Node what browsers know from the page: that they are ES modules."""
    folder = tmp_path_factory.mktemp("modules")
    for module in _MODULES.glob("*.js"):
        shutil.copy(module, folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return folder


@pytest.mark.parametrize("tests", sorted(path.name for path in _TESTS.glob("*.test.mjs")))
def test_theModulesKeepWhatTheirTestsSay(modules: Path, tests: str) -> None:
    """Each file of tests/browser/unit says what one module promises."""
    command = [needed("node"), "--test", "--test-reporter=spec", str(_TESTS / tests)]
    ended = runToEnd(command, RTCSIGNAL_MODULES=str(modules))
    assert ended.returncode == 0, ended.stdout + ended.stderr


def importedBy(name: str) -> set[str]:
    """The modules that one needs, directly or through another."""
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        text = (_MODULES / waiting.pop()).read_text(encoding="utf-8")
        found = set(re.findall(r'^(?:import|export) .* from "\./(.+)";$', text, re.MULTILINE)) - needed
        needed |= found
        waiting += found
    return needed


def test_theClientModuleNamesTheFilesThatItNeeds() -> None:
    comment = (_MODULES / "rtcsignal.js").read_text(encoding="utf-8").partition("*/")[0]
    listed = comment.partition("copy these files next to it:")[2].partition("\n *\n")[0]
    assert set(re.findall(r"[a-z]+\.js", listed)) == importedBy("rtcsignal.js")


def test_theModulesStaySmallAndStandAlone() -> None:
    """No module is longer than 400 lines, and none imports anything but its neighbours."""
    for module in _MODULES.glob("*.js"):
        lines = module.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= _MOST_LINES, module.name
        imports = [line for line in lines if line.startswith(("import ", "export {")) and " from " in line]
        for line in imports:
            target = line.split(" from ")[1].strip('";')
            assert target.startswith("./"), f"{module.name}: {line}"
            assert (_MODULES / target).is_file(), f"{module.name}: {line}"
