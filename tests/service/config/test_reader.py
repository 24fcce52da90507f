"""The configuration file: what it may say, and one clear line for each mistake in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcsignal.errors import ConfigError
from rtcsignal.service.config.plugins import PluginUse
from rtcsignal.service.config.reader import MOST_BYTES, defaultConfig, loadConfig
from rtcsignal.service.config.schema import Config

Write = Callable[[str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a configuration file and gives its path."""

    def to(text: str | bytes) -> str:
        path = tmp_path / "server.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return str(path)

    return to


@pytest.fixture
def problems(write: Write) -> Callable[[str | bytes], list[str]]:
    """The problems of a text, each without the name of the file."""

    def of(text: str | bytes) -> list[str]:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            loadConfig(path)
        assert all(line.startswith(path) for line in caught.value.problems)
        return [line.removeprefix(path + ":") for line in caught.value.problems]

    return of


class TestValues:
    @pytest.mark.parametrize("text", ["", "\n# nothing\n", "{}", "limits:\nweb:\n", "\ufeffweb: {}\n"])
    def test_whatIsNotSaidHasItsDefault(self, write: Write, text: str) -> None:
        assert loadConfig(write(text)) == defaultConfig() == Config()

    def test_theDefaultsAreThoseThatOperatorsKnow(self) -> None:
        config = defaultConfig()
        assert config.listen == ("tcp:8080",)
        assert config.origins == ()
        socketio = config.socketio
        assert (socketio.path, socketio.transports, socketio.cookie) == (
            "/socket.io/",
            ("polling", "websocket"),
            None,
        )
        assert (socketio.pingInterval, socketio.pingTimeout) == (25, 20)
        assert (socketio.upgradeTimeout, socketio.connectTimeout) == (10, 15)
        assert (config.signaling.namespaces, config.signaling.compat) == (("/", "/socket.io"), "seed")
        assert config.signaling.echo is True
        assert (config.plugins.folders, config.plugins.use) == ((), ())
        assert config.web.demo is False

    def test_everyKeyCanBeSet(self, write: Write) -> None:
        config = loadConfig(
            write(
                """
listen: ["tcp:9000", "unix:/tmp/socket"]
origins: ["https://example.org", "http://localhost:3000", "*"]
proxies: ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32", unix]
socketio:
  path: /app/socket.io/
  transports: [websocket]
  ping_interval: 0.5
  ping_timeout: 2
  upgrade_timeout: 3
  connect_timeout: 4
  jsonp: true
  without_eio: refuse
  cookie: io
signaling: {namespaces: [/], compat: exact, echo: no}
limits:
  message_bytes: 1
  connections_per_address: 2
  rooms_per_peer: 3
  namespaces_per_connection: 4
  name_characters: 5
  send_queue_bytes: 6
  events_per_second: 7
  events_burst: 8
  header_bytes: 2_048
  header_count: 10
  header_seconds: 11
  body_seconds: 12
  idle_seconds: 13
  packets_per_payload: 14
  attachments: 15
  attachment_seconds: 16
  json_depth: 0
  send_queue_packets: 17
  send_queue_seconds: 18
  bytes_per_second: 19
  bytes_burst: 20
  joins_per_second: 21
  joins_burst: 22
  log_lines_per_second: 23
web: {demo: true}
"""
            )
        )
        assert config.listen == ("tcp:9000", "unix:/tmp/socket")
        assert config.origins == ("https://example.org", "http://localhost:3000", "*")
        assert config.proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix")
        assert config.socketio.path == "/app/socket.io/"
        assert config.socketio.transports == ("websocket",)
        assert (config.socketio.pingInterval, config.socketio.pingTimeout) == (0.5, 2)
        assert (config.socketio.upgradeTimeout, config.socketio.connectTimeout) == (3, 4)
        assert config.socketio.cookie == "io"
        assert (config.socketio.jsonp, config.socketio.withoutEio) == (True, "refuse")
        assert config.signaling.namespaces == ("/",)
        assert (config.signaling.compat, config.signaling.echo) == ("exact", False)
        limits = config.limits
        assert (limits.messageBytes, limits.connectionsPerAddress, limits.roomsPerPeer) == (1, 2, 3)
        assert (limits.namespacesPerConnection, limits.nameCharacters, limits.sendQueueBytes) == (4, 5, 6)
        assert (limits.eventsPerSecond, limits.eventsBurst, limits.headerBytes) == (7, 8, 2048)
        assert (limits.headerCount, limits.headerSeconds, limits.bodySeconds) == (10, 11, 12)
        assert (limits.idleSeconds, limits.packetsPerPayload, limits.attachments) == (13, 14, 15)
        assert (limits.attachmentSeconds, limits.jsonDepth) == (16, 0)
        assert (limits.sendQueuePackets, limits.sendQueueSeconds) == (17, 18)
        assert (limits.bytesPerSecond, limits.bytesBurst) == (19, 20)
        assert (limits.joinsPerSecond, limits.joinsBurst, limits.logLinesPerSecond) == (21, 22, 23)
        assert config.web.demo is True

    def test_relativeFoldersCountFromTheFile(self, write: Write, tmp_path: Path) -> None:
        config = loadConfig(write("plugins: {folders: [../plugins, more, /absolute]}"))
        assert config.plugins.folders == (str(tmp_path.parent / "plugins"), str(tmp_path / "more"), "/absolute")

    def test_aPluginIsANameOrANameWithOptionsAndKnowsItsLine(self, write: Write) -> None:
        path = write("plugins:\n  use:\n    - members-only\n    - room-size: {most: 4}\n    - quiet:\n")
        assert loadConfig(path).plugins.use == (
            PluginUse(name="members-only", where=f"{path}:3:7"),
            PluginUse(name="room-size", options={"most": 4}, where=f"{path}:4:7"),
            PluginUse(name="quiet", where=f"{path}:5:7"),
        )

    def test_theOptionsOfAPluginAreItsOwnBusiness(self, write: Write) -> None:
        options = {"list": [1, 2.5, "three", None, True], "nested": {"a": {"b": "c"}}, "unknown_key": "fine"}
        config = loadConfig(write(f"plugins: {{use: [{{any: {json.dumps(options)}}}]}}"))
        assert config.plugins.use[0].options == options


class TestJson:
    def test_theFileOfTheOriginalServerWorks(self, write: Write) -> None:
        assert loadConfig(write('{"port": 8080}')).listen == ("tcp:8080",)

    def test_aPortWorksInYamlToo(self, write: Write) -> None:
        assert loadConfig(write("port: 9000")).listen == ("tcp:9000",)

    @pytest.mark.parametrize("port", ["65536", "-1", "true", "1.5", '"8080"', "null", "[8080]"])
    def test_aPortIsANumber(self, problems: Callable[[str], list[str]], port: str) -> None:
        assert problems(f'{{"port": {port}}}') == ["1:10: port: must be a whole number from 0 to 65535"]

    def test_portAndListenAtOnceIsRefused(self, problems: Callable[[str], list[str]]) -> None:
        text = '{"port": 8080, "listen": ["tcp:9000"]}'
        assert problems(text) == ["1:2: port: means the same as listen; give one of them"]

    def test_tabsAreFine(self, write: Write) -> None:
        assert loadConfig(write('{\n\t"port": 8080,\n\t"web": {\t"demo": true }\n}')).web.demo is True

    def test_surrogatePairsAreFine(self, write: Write) -> None:
        config = loadConfig(write('{"signaling": {"namespaces": ["/\\ud83d\\ude00"]}}'))
        assert config.signaling.namespaces == ("/\U0001f600",)

    def test_placesAreRightEvenAfterTabs(self, problems: Callable[[str], list[str]]) -> None:
        assert problems('{\n\t"limits": {\n\t\t"attachments": "x"\n\t}\n}') == [
            "3:18: limits.attachments: must be a whole number, not a string"
        ]

    def test_duplicateKeysAreRefused(self, problems: Callable[[str], list[str]]) -> None:
        assert problems('{"port": 1,\n"port": 2}') == ["2:1: port: duplicate key (first at line 1)"]

    def test_duplicateKeysAreRefusedEvenWhereThePlacesAreUnknown(self, problems: Callable[[str], list[str]]) -> None:
        # A raw delete character is right in JSON, and no character of YAML.
        text = '{"port": 1, "port": 2, "plugins": {"folders": ["\x7f"]}}'
        assert problems(text) == ["1:1: port: duplicate key"]

    def test_aMistakeIsFoundEvenWhereThePlacesAreUnknown(self, problems: Callable[[str], list[str]]) -> None:
        text = '{"web": 1,\n "plugins": {"folders": ["\x7f"]}}'
        assert problems(text) == ["1:1: web: must be a mapping of keys to values, not a whole number"]

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    def test_onlyNumbersOfJsonAreNumbers(self, problems: Callable[[str], list[str]], number: str) -> None:
        assert problems(f'{{"limits": {{"attachments": {number}}}}}') == [
            f"1:1: not usable JSON: {number} is not a number of JSON"
        ]

    def test_yamlThatBeginsWithABraceIsYaml(self, write: Write) -> None:
        assert loadConfig(write("{port: 9000, web: {demo: yes}}")).web.demo is True

    def test_aMistakeInJsonIsReportedAsSuch(self, problems: Callable[[str], list[str]]) -> None:
        assert problems('{"port": 8080\n') == ["2:1: not JSON: Expecting ',' delimiter"]


_QUOTE = "put it in quotes if it is a string"

_TOO_MANY = "1:23: limits.attachments: must be a whole number <= 2147483647, not {}"

_MISTAKES: list[tuple[str | bytes, str]] = [
    # What is there and should not be
    ("listn: []", "1:1: listn: unknown key; did you mean listen?"),
    ("web:\n  dmo: true", "2:3: web.dmo: unknown key; did you mean demo?"),
    ("ping_interval: 3", "1:1: ping_interval: unknown key; it belongs under socketio"),
    ("web: {origins: []}", "1:7: web.origins: unknown key; it belongs to the top"),
    (
        "origins: [https://a.test,\n  'https://a-*.test']",
        (
            '2:3: origins.1: must have "*" in place of a whole label of the host, as in "https://*.example.org" '
            '("https://a-*.test")'
        ),
    ),
    ("origins: [null]", "1:11: origins.0: must be a string, not null; put it in quotes"),
    ("socketio: {without_eio: 4}", "1:25: socketio.without_eio: must be 3 or refuse, not 4"),
    (
        "socketio: {without_eio: refused}",
        '1:25: socketio.without_eio: must be 3 or refuse, not "refused"; did you mean refuse?',
    ),
    ("xyzzy: 1", "1:1: xyzzy: unknown key"),
    ("socketio: {pingInterval: 3}", "1:12: socketio.pingInterval: unknown key; did you mean ping_interval?"),
    ("web: {}\nlimits: {}\nweb: {}", "3:1: web: duplicate key (first at line 1)"),
    ("'a\\nb': 1", "1:1: a\\\\nb: unknown key"),
    ('"a\\nb": 1', "1:1: a\\x0ab: unknown key"),
    # Wrong types
    ("web: true", "1:6: web: must be a mapping of keys to values, not true or false"),
    ("limits: [1]", "1:9: limits: must be a mapping of keys to values, not a list"),
    ("web: {demo: 1}", "1:13: web.demo: must be true or false, not a whole number"),
    ("listen: tcp:8080", "1:9: listen: must be a list, not a string"),
    ("listen: [8080]", "1:10: listen.0: must be a string, not a whole number; put it in quotes"),
    ("listen: [[]]", "1:10: listen.0: must be a string, not a list"),
    ("listen: []", "1:9: listen: must be a list of at least one item"),
    ("limits: {attachments: 1.5}", "1:23: limits.attachments: must be a whole number, not 1.5"),
    ("limits: {attachments: many}", "1:23: limits.attachments: must be a whole number, not a string"),
    (
        "socketio: {cookie: no}",
        "1:20: socketio.cookie: must be a string or null, not true or false; put it in quotes",
    ),
    ("socketio: {ping_timeout: null}", "1:26: socketio.ping_timeout: must be a number, not null"),
    ("socketio: {ping_timeout: 1e3}", "1:26: socketio.ping_timeout: must be a number, not a string"),
    # Wrong values
    ("limits: {attachments: -1}", "1:23: limits.attachments: must be a whole number >= 0, not -1"),
    ("limits: {header_bytes: 10}", "1:24: limits.header_bytes: must be a whole number >= 1024, not 10"),
    ("socketio: {ping_interval: 0}", "1:27: socketio.ping_interval: must be a number > 0, not 0"),
    ("socketio: {ping_interval: -0.5}", "1:27: socketio.ping_interval: must be a number > 0, not -0.5"),
    ("socketio: {ping_interval: 1000000}", "1:27: socketio.ping_interval: must be a number <= 86400, not 1000000"),
    ("signaling: {compat: sead}", '1:21: signaling.compat: must be seed or exact, not "sead"; did you mean seed?'),
    ("signaling: {compat: 1}", "1:21: signaling.compat: must be seed or exact, not 1"),
    (
        "socketio: {transports: [pigeon]}",
        '1:25: socketio.transports.0: must be polling or websocket, not "pigeon"',
    ),
    ("socketio: {transports: [polling, polling]}", '1:34: socketio.transports.1: "polling" is there twice'),
    ("listen: ['80']", '1:10: listen.0: must be an endpoint such as "tcp:80" ("80")'),
    # Traps of YAML
    ("limits: {attachments: 0123}", f"1:23: limits.attachments: 0123 is not a plain decimal number; {_QUOTE}"),
    ("limits: {attachments: 12:30}", f"1:23: limits.attachments: 12:30 is not a plain decimal number; {_QUOTE}"),
    ("limits: {attachments: 0x10}", f"1:23: limits.attachments: 0x10 is not a plain decimal number; {_QUOTE}"),
    (
        "socketio: {ping_interval: .inf}",
        f"1:27: socketio.ping_interval: .inf is not a plain decimal number; {_QUOTE}",
    ),
    ("socketio: {ping_interval: 1.0e+999}", "1:27: socketio.ping_interval: is too large a number"),
    ("socketio: {path: 2026-01-01}", f"1:18: socketio.path: 2026-01-01 is a date for YAML; {_QUOTE}"),
    ("web: {demo: !!bool maybe}", f"1:13: web.demo: maybe is not a plain value; {_QUOTE}"),
    ("web: {demo: !python x}", f"1:13: web.demo: x is not a plain value; {_QUOTE}"),
    (
        "web: !!python/object:os.system {}",
        "1:6: web: the tag tag:yaml.org,2002:python/object:os.system is not known here",
    ),
    (
        "limits: {attachments: &a 3, json_depth: *a}",
        "1:41: limits.json_depth: the alias *a is not allowed; write the value out",
    ),
    ("&a web: *a", "1:9: web: the alias *a is not allowed; write the value out"),
    ("true: 1", "1:1: true: a key must be a string; put it in quotes"),
    ("<<: {web: {}}", "1:1: <<: a key must be a string; put it in quotes"),
    ("? [a]\n: 1", "1:3: a key must be a string"),
    # Not YAML at all
    ("web: {", "1:7: not YAML: while parsing a flow node: expected the node content, but found '<stream end>'"),
    ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
    ("web:\n\tdemo: true", "2:1: not YAML: a tab cannot indent; use spaces"),
    ("web: {}\n---\nweb: {}", "2:1: not YAML: expected a single document in the stream: but found another document"),
    ("web: \x07", "1:6: not YAML: a character that is not allowed"),
    (b"web: \xff", "1:6: is not UTF-8"),
    (b"a: 1\nb: \xff", "2:4: is not UTF-8"),
    ("- 1", "1:1: the file must be a mapping of keys to values"),
    ("just text", "1:1: the file must be a mapping of keys to values"),
    ("[" * 5000, "1:1: is nested too deeply"),
    ('{"a":' * 100000, "1:1: is nested too deeply"),
    # One mistake, one line, though the value is missing afterwards
    ("port: 12:30", f"1:7: port: 12:30 is not a plain decimal number; {_QUOTE}"),
    ("listen: [&a 'tcp:80', *a]", "1:23: listen.1: the alias *a is not allowed; write the value out"),
    ("plugins: {use: [{a: *b}]}", "1:21: plugins.use.0.a: the alias *b is not allowed; write the value out"),
    ("plugins: {use: [*b]}", "1:17: plugins.use.0: the alias *b is not allowed; write the value out"),
    ("web: 0x1", f"1:6: web: 0x1 is not a plain decimal number; {_QUOTE}"),
    ("limits: {attachments: 3000000000}", _TOO_MANY.format("3000000000")),
    ("limits: {attachments: 99999999999999999999999}", _TOO_MANY.format("99999999999999999999999")),
    # Plugins
    (
        "plugins: {use: [1]}",
        "1:17: plugins.use.0: must be a plugin's name, or a name with options, not a whole number",
    ),
    ("plugins: {use: ['']}", '1:17: plugins.use.0: must be the name of a plugin ("")'),
    (
        "plugins: {use: [{a: 1}]}",
        "1:21: plugins.use.0.a: the options must be a mapping of keys to values, not a whole number",
    ),
    (
        "plugins:\n  use:\n    - a:\n      most: 4",
        "3:7: plugins.use.0: must be one plugin's name with its options indented below it",
    ),
    ("plugins: {folders: ['']}", '1:21: plugins.folders.0: must be the path of a folder ("")'),
]


@pytest.mark.parametrize(("text", "expected"), _MISTAKES, ids=range(len(_MISTAKES)))
def test_aMistakeIsOneLineWithItsPlaceAndItsKey(
    problems: Callable[[str | bytes], list[str]], text: str | bytes, expected: str
) -> None:
    assert problems(text) == [expected]


def test_allMistakesAreFoundInOneRunInTheOrderOfTheFile(problems: Callable[[str], list[str]]) -> None:
    found = problems(
        "web: 1\nlistn: []\nlimits:\n  attachments: x\n  events: 3\nsocketio: {path: nowhere, cookie: 'a b'}\n"
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["1:6", "web"],
        ["2:1", "listn"],
        ["4:16", "limits.attachments"],
        ["5:3", "limits.events"],
        ["6:18", "socketio.path"],
        ["6:35", "socketio.cookie"],
    ]


class TestFile:
    def test_aMissingFileIsOneLine(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            loadConfig(str(tmp_path / "none.conf"))
        assert caught.value.problems == (f"{tmp_path}/none.conf: cannot be read: No such file or directory",)

    def test_aFolderIsNoFile(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            loadConfig(str(tmp_path))

    def test_aNameThatNoFileCanHaveIsAMissingFile(self) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            loadConfig("a\0b")

    def test_aHugeFileIsNotReadToItsEnd(self, write: Write) -> None:
        with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
            loadConfig(write(b"#" * (MOST_BYTES + 1)))

    def test_aNumberWithThousandsOfDigitsIsRefused(self, problems: Callable[[str], list[str]]) -> None:
        digits = "1" * 5000
        (line,) = problems(f"limits: {{attachments: {digits}}}")
        assert line.startswith("1:23: limits.attachments: 1111")
        assert len(line) < 300
        assert problems(f'{{"limits": {{"attachments": {digits}}}}}')[0].startswith("1:1: not usable JSON")


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_keys = st.sampled_from(["listen", "origins", "socketio", "plugins", "use", "limits", "web", "path", "demo", "port"])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys | st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


class TestAnything:
    """Whatever the file says, the answer is a configuration or a ConfigError with at least one line."""

    @given(st.text(st.sampled_from("abc:{}[],&*!|>'\"%@`#?- \n\t0123456789.<~=/\\é\u2028\U0001f642"), max_size=60))
    @example("{\ud800")
    def test_textThatLooksLikeYaml(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        self._load(tmp_path_factory, text.encode("utf-8", "surrogatepass"))

    @given(st.binary(max_size=60))
    def test_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        self._load(tmp_path_factory, data)

    @given(_values)
    def test_values(self, tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
        self._load(tmp_path_factory, json.dumps(value).encode())

    def _load(self, folders: pytest.TempPathFactory, data: bytes) -> None:
        path = folders.getbasetemp() / "any.conf"
        path.write_bytes(data)
        problems: tuple[str, ...] = ()
        try:
            config = loadConfig(str(path))
        except ConfigError as error:
            problems = error.problems
        assert problems or isinstance(config, Config)
        assert all(line.startswith(str(path)) and len(line.splitlines()) == 1 for line in problems)
