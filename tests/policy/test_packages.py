"""Plugins that are built in, and plugins of installed packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcsignal.errors import ConfigError
from rtcsignal.policy import builtin
from rtcsignal.policy.loader import loadPlugins
from tests.policy.sources import MEMBERS_ONLY, Use, Wanted, policy


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    before = set(sys.modules)
    yield path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(site: Path, module: str, source: str, *entries: str) -> None:
    """Install a package with a module and entry points."""
    (site / f"{module}.py").write_text(source)
    info = site / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[rtcsignal.plugins]\n" + "\n".join(entries) + "\n")


def load(*names: str) -> list[tuple[str, str, bool]]:
    return [(entry.name, entry.where, entry.fresh) for entry in loadPlugins(Wanted(use=[*map(Use, names)])).entries]


def problem(*names: str, folders: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigError) as error:
        loadPlugins(Wanted(folders, [*map(Use, names)]))
    (line,) = error.value.problems
    return line


class TestInstalledPackages:
    def test_aPluginIsFoundByItsEntryPoint(self, site: Path) -> None:
        install(site, "rtc_third", MEMBERS_ONLY, "members-only = rtc_third:membersOnly")
        assert load("members-only") == [("members-only", "rtc_third 1.2", False)]

    def test_theEntryPointMayNameTheModule(self, site: Path) -> None:
        install(site, "rtc_third", MEMBERS_ONLY, "members-only = rtc_third")
        assert load("members-only")[0][0] == "members-only"

    def test_packagesThatAreNotAskedForAreNotEvenImported(self, site: Path) -> None:
        install(site, "rtc_third", "1 / 0", "members-only = rtc_third:membersOnly")
        assert load() == []
        assert "rtc_third" not in sys.modules

    def test_oneThatCannotBeImportedIsReportedWithItsPackage(self, site: Path) -> None:
        install(site, "rtc_third", "1 / 0", "members-only = rtc_third:membersOnly")
        assert problem("members-only") == (
            "entry point members-only = rtc_third:membersOnly of rtc_third 1.2: ZeroDivisionError: division by zero"
        )

    def test_andItsFileAndLineWherePythonKnowsThem(self, site: Path) -> None:
        install(site, "rtc_third", "x = (", "members-only = rtc_third:membersOnly")
        assert f"of rtc_third 1.2: {site}/rtc_third.py:1: SyntaxError" in problem("members-only")

    def test_theEntryPointHasTheNameOfItsPlugin(self, site: Path) -> None:
        install(site, "rtc_third", MEMBERS_ONLY, "members = rtc_third:membersOnly", "none = rtc_third:Refused")
        assert problem("members").endswith("of rtc_third 1.2: there is no plugin called members")
        assert problem("none").endswith("there is no plugin called none")

    def test_aNameThatIsAlsoInAFolderIsAMistake(self, site: Path, tmp_path: Path) -> None:
        install(site, "rtc_third", MEMBERS_ONLY, "members-only = rtc_third:membersOnly")
        folder = tmp_path / "plugins"
        folder.mkdir()
        (folder / "a.py").write_text(MEMBERS_ONLY)
        found = problem("members-only", folders=(str(folder),))
        assert found == (
            "rtc_third 1.2 (rtc_third:membersOnly): there are two plugins called members-only; "
            f"the other one is in {folder}/a.py:4"
        )

    def test_ctrlCWhileOneIsImportedTellsWhereItWas(self, site: Path) -> None:
        install(site, "rtc_third", "raise KeyboardInterrupt", "members-only = rtc_third:membersOnly")
        assert problem("members-only").endswith("KeyboardInterrupt")


class TestBuiltIn:
    @pytest.fixture
    def extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder whose modules are built in as well."""
        path = tmp_path / "builtin"
        path.mkdir()
        monkeypatch.setattr(builtin, "__path__", [str(path)])
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return path

    def test_theyAreFoundByTheirNames(self, extra: Path) -> None:
        (extra / "quite_new.py").write_text(policy("quite-new"))
        assert load("quite-new") == [("quite-new", "built in", False)]

    def test_theyAreNamedWhenANameIsWrong(self, extra: Path) -> None:
        (extra / "quite_new.py").write_text(policy("quite-new"))
        assert problem("quiet-new").endswith("did you mean quite-new?")

    def test_oneThatNeedsAPackageSaysSo(self, extra: Path) -> None:
        (extra / "quite_needy.py").write_text("raise ImportError('quite-needy needs PyJWT: pip install PyJWT')")
        (extra / "_helper.py").write_text("1 / 0")
        assert problem("quite-needy") == (
            "built in: quite-needy cannot be loaded: quite-needy needs PyJWT: pip install PyJWT"
        )
        assert load() == []
