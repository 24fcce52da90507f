"""The command line: ``twistd rtcsignal``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from zope.interface.verify import verifyObject

import rtcsignal
from rtcsignal.service.tap import Options


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines with which these arguments are refused."""
    with pytest.raises(SystemExit) as caught:
        Options().parseOptions(arguments)
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What these arguments print before they end the process with exit code 0."""
    with pytest.raises(SystemExit) as caught:
        Options().parseOptions(arguments)
    assert caught.value.code in (0, None)
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_twistdFindsTheCommandOnce() -> None:
    (maker,) = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "rtcsignal"]
    assert verifyObject(IServiceMaker, maker)
    assert maker.options is Options


def test_theVersionIsOurs(capsys: pytest.CaptureFixture[str]) -> None:
    expected = rf"rtcsignal {re.escape(rtcsignal.__version__)} \(Twisted \S+, Python \S+\)\n"
    assert re.fullmatch(expected, answered(capsys, "--version"))


def test_theHelpNamesEveryOptionAndShowsHowToStart() -> None:
    text = Options().getUsage()
    for option in ("--config", "--listen", "--check", "--log-level", "--version", "--help"):
        assert option in text
    assert "\n  twistd --nodaemon --pidfile= rtcsignal --config etc/server.conf\n" in text


def test_withoutAFileThereAreTheDefaults() -> None:
    options = Options()
    options.parseOptions([])
    assert options.settings.listen == ("tcp:8080",)


def test_listenReplacesTheEndpointsOfTheFile(tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    path.write_text("listen: ['tcp:1']\nweb: {demo: true}")
    options = Options()
    options.parseOptions(["--config", str(path), "--listen", "tcp:2", "--listen", "unix:/tmp/three"])
    assert options.settings.listen == ("tcp:2", "unix:/tmp/three")
    assert options.settings.web.demo is True


class TestMistakes:
    def test_inTheFileAreTheirLinesAndNothingElse(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "server.conf"
        path.write_text("listn: []\nweb: {demo: 3}\n")
        assert refused(capsys, "--config", str(path)) == [
            f"{path}:1:1: listn: unknown key; did you mean listen?",
            f"{path}:2:13: web.demo: must be true or false, not a whole number",
        ]

    def test_inTheOptionsAreOneLineThatPointsToTheHelp(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(capsys, "--confg", "x") == [
            "twistd rtcsignal: option --confg not recognized (see twistd rtcsignal --help)"
        ]

    def test_anUnknownLevelNamesTheKnownOnes(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(capsys, "--log-level", "loud")
        assert "must be one of debug, info, warn, error, critical" in line

    def test_anEndpointIsCheckedLikeThoseOfTheFile(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(capsys, "--listen", "8080")
        assert 'twistd rtcsignal: --listen 8080: must be an endpoint such as "tcp:8080"' in line

    def test_anArgumentTooManyIsRefused(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(capsys, "etc/server.conf")
        assert line.startswith("twistd rtcsignal: ")


class TestCheck:
    def test_saysWhatWouldBeDone(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "x").mkdir()
        path = tmp_path / "server.conf"
        path.write_text('origins: ["https://example.org"]\nplugins: {folders: [x]}\nweb: {demo: true}\n')
        assert answered(capsys, "--check", "--config", str(path)).splitlines() == [
            f"{path}: no mistakes",
            "listens on tcp:8080",
            "Socket.IO at /socket.io/ over polling and websocket",
            "lost connections can be recovered for 60 s",
            "namespaces /, /socket.io",
            "pages may come from the same host, https://example.org",
            f"plugin folders: {tmp_path}/x",
            "plugins: none",
            "demo page: at /",
            "ICE servers: none",
        ]

    @pytest.mark.parametrize(
        ("window", "more"),
        [(31.5, ""), (31, ", which is short: clients may need 31 s to come back")],
    )
    def test_saysHowLongConnectionsCanBeRecovered(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], window: float, more: str
    ) -> None:
        """Clients may notice a loss by `ping_interval` later than the server."""
        path = tmp_path / "server.conf"
        path.write_text(f"socketio: {{ping_interval: 25, recovery: {{window: {window}}}}}\n")
        lines = answered(capsys, "--check", "--config", str(path)).splitlines()
        assert f"lost connections can be recovered for {window:g} s{more}" in lines

    def test_worksWithoutAFile(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert answered(capsys, "--check").startswith("the default configuration: no mistakes\n")

    def test_findsACertificateThatIsNotThere(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        endpoint = f"ssl:0:privateKey={tmp_path}/none.pem"
        assert refused(capsys, "--check", "--listen", endpoint) == [
            f"cannot listen on {endpoint}: No such file or directory: {tmp_path}/none.pem"
        ]

    def test_findsArgumentsThatAnEndpointDoesNotHave(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(capsys, "--check", "--listen", "tcp:0:interfase=127.0.0.1")
        assert line.startswith("cannot listen on tcp:0:interfase=127.0.0.1: got an unexpected keyword argument")

    def test_findsAnEndpointWhereAnybodyCouldPassForAnybody(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(capsys, "--check", "--listen", "haproxy:tcp:0")
        assert line.startswith("listen: haproxy:tcp:0: proxies must say who may connect there")

    def test_saysWhatIsWrongWithEndpointsAndWithPluginsAtOnce(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "server.conf"
        path.write_text('listen: ["haproxy:tcp:0", "unix:none/x.sock"]\nplugins: {folders: [gone], use: [nobody]}\n')
        lines = "\n".join(refused(capsys, "--check", "--config", str(path)))
        for problem in ("proxies must say", "none/x.sock: No such file", f"{tmp_path}/gone: the folder", "nobody"):
            assert problem in lines

    def test_findsAPluginThatIsNotThere(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "server.conf"
        path.write_text("plugins: {use: [nobody]}")
        (line,) = refused(capsys, "--check", "--config", str(path))
        assert line.startswith(f"{path}:1:17: ")
        assert "nobody" in line

    def test_cannotSeeSocketsOfTheServiceManager(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "listens on systemd:domain=INET:index=0" in answered(
            capsys, "--check", "--listen", "systemd:domain=INET:index=0"
        )
