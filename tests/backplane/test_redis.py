"""The connection to Redis: what is asked of hiredis, of RESP3 and of Redis, and what happens without them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import hiredis
import pytest
import pytest_twisted
from twisted.internet import reactor as twistedReactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogEvent

from rtcsignal.backplane.connector import RedisConnector
from rtcsignal.backplane.line import Line
from rtcsignal.backplane.redis import RedisConnection, endpointOf, errorIn
from rtcsignal.backplane.scripts import LOOK, SCRIPTS
from rtcsignal.backplane.trial import tryRedis
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.redisurl import RedisUrl
from tests.conftest import LoggedFailures
from tests.support.logs import observed
from tests.support.redis_server import Redis

reactor: Any = twistedReactor


class TestHiredis:
    def test_readsWhatRedisWrites(self) -> None:
        nothing = object()
        reader = hiredis.Reader(notEnoughData=nothing)
        reader.feed(b"+OK\r\n:5\r\n$-1\r\n_\r\n-ERR no\r\n%1\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\nx\r\n_\r\n")
        reader.feed(b">2\r\n$1\r\nm\r\n$1\r\n")
        items = [reader.gets() for _ in range(7)]
        assert items[:4] == [b"OK", 5, None, None]
        assert errorIn(items[4]) == "ERR no"
        assert items[5:] == [{b"a": 1}, [b"x", None]]
        assert reader.gets() is nothing
        reader.feed(b"y\r\n")
        pushed = reader.gets()
        assert isinstance(pushed, hiredis.PushNotification)
        assert list(pushed) == [b"m", b"y"]

    def test_writesCommands(self) -> None:
        command: Any = ("SET", b"\xff", 1)
        assert hiredis.pack_command(command) == b"*3\r\n$3\r\nSET\r\n$1\r\n\xff\r\n$1\r\n1\r\n"

    def test_saysWhatItCannotRead(self) -> None:
        reader = hiredis.Reader()
        reader.feed(b"HTTP/1.1 400\r\n")
        with pytest.raises(hiredis.HiredisError):
            reader.gets()


class _Transport(StringTransport):
    def abortConnection(self) -> None:
        self.loseConnection()


class Connected:
    """A connection without a network, and what came of it."""

    def __init__(self, flusher: Flusher | None = None) -> None:
        self.pushed: list[tuple[bytes, bytes]] = []
        self.lost: list[str] = []
        self.answers: list[Any] = []
        self.connection: Any = RedisConnection(lambda *message: self.pushed.append(message), self.lost.append, flusher)
        self.transport = _Transport()
        self.connection.makeConnection(self.transport)


class TestAConnection:
    def test_countsWhatIsNotAnswered(self) -> None:
        made = Connected()
        made.connection.send(("PING",), made.answers.append)
        made.connection.send(("PING",))
        assert made.connection.outstanding == len(made.transport.value())
        made.connection.dataReceived(b"+PONG\r\n+PO")
        assert made.answers == [b"PONG"]
        assert 0 < made.connection.outstanding < len(made.transport.value())
        made.connection.dataReceived(b"NG\r\n")
        assert made.connection.outstanding == 0

    def test_sendsOnceInATurn(self) -> None:
        clock = Clock()
        made = Connected(Flusher(clock))
        made.connection.send(("PING",), made.answers.append)
        made.connection.send(("PING",))
        assert made.transport.value() == b""
        assert made.connection.outstanding > 0
        clock.advance(0)
        assert made.transport.value().count(b"PING") == 2
        made.connection.send(("PING",))
        made.connection.finish()
        assert made.transport.value().count(b"PING") == 3
        made.connection.send(("PING",))
        made.connection.abort("done")
        clock.advance(0)
        assert made.transport.value().count(b"PING") == 3

    def test_takesSubscriptionsInTheirPlace(self) -> None:
        made = Connected()
        made.connection.send(("SUBSCRIBE", "c"), made.answers.append)
        made.connection.send(("PING",), made.answers.append)
        made.connection.dataReceived(b">3\r\n+subscribe\r\n+c\r\n:1\r\n>3\r\n+message\r\n+c\r\n+m\r\n+PONG\r\n")
        made.connection.dataReceived(b">2\r\n+invalidate\r\n_\r\n>0\r\n")
        assert list(made.answers[0]) == [b"subscribe", b"c", 1]
        assert made.answers[1:] == [b"PONG"]
        assert made.pushed == [(b"c", b"m")]

    @pytest.mark.parametrize("data", [b"garbage\r\n", b"+an answer\r\n"])
    def test_endsWhenWhatComesMakesNoSense(self, data: bytes) -> None:
        made = Connected()
        made.connection.dataReceived(data + b"+more\r\n")
        assert len(made.lost) == 1
        assert made.transport.disconnecting
        made.connection.send(("PING",), made.answers.append)
        assert made.transport.value() == b""

    def test_appliesNothingOnceItHasEnded(self) -> None:
        made = Connected()
        made.connection.send(("PING",), lambda _: made.connection.abort("enough"))
        made.connection.send(("PING",), made.answers.append)
        made.connection.dataReceived(b"+PONG\r\n+PONG\r\n")
        assert made.answers == []
        assert made.lost == ["enough"]

    def test_goesOnWhenWhatItCallsFails(self, loggedFailures: LoggedFailures) -> None:
        made = Connected()
        nothing: dict[str, None] = {}
        made.connection.send(("PING",), lambda _: nothing["nothing"])
        made.connection.send(("PING",), made.answers.append)
        made.connection.dataReceived(b"+PONG\r\n+PONG\r\n")
        assert made.answers == [b"PONG"]
        assert len(loggedFailures.expect(KeyError)) == 1


class Attempt:
    """An attempt to connect, and what comes of it."""

    def __init__(self, url: str, incarnation: str = "aaaaaa.1", prefix: str = "test", using: Any = reactor) -> None:
        self.outcome: Deferred[Line | str] = Deferred()
        self.frames: list[bytes] = []
        self.lost: list[str] = []
        connector = RedisConnector(RedisUrl.parse(url), prefix, using)
        self.giveUp: Callable[[str], None] = connector(incarnation, self.frames.append, self._fire, self._lost)

    def _fire(self, outcome: Line | str) -> None:
        self.outcome.callback(outcome)

    def _lost(self, why: str) -> None:
        self.lost.append(why)
        if not self.outcome.called:
            self.outcome.callback(why)

    async def line(self) -> Line:
        """The line that it is."""
        line = await self.outcome
        assert not isinstance(line, str), line
        return line


def asked(line: Line, *arguments: str) -> Deferred[Any]:
    """What a script answers."""
    answer: Deferred[Any] = Deferred()
    line.run(LOOK, arguments, answer.callback)
    return answer


class TestConnecting:
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_givesALine(self, redis: Redis) -> None:
        for url in (redis.url, f"unix://{redis.path}", f"{redis.url}/3"):
            attempt = Attempt(url)
            line = await attempt.line()
            assert await asked(line, "r") == [0, [], []]
            line.publish("aaaaaa.1", b"hello")
            await asked(line, "r")
            assert attempt.frames == [b"hello"]
            assert line.outstanding == 0
            line.finish()
            await ended(attempt)

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_signsIn(self, redis: Redis) -> None:
        client = redis.client()
        rules = "on >secret ~acl:* &acl:* +@all -@dangerous +info"
        client("ACL", "SETUSER", "node", *rules.split())
        line = await Attempt(f"redis://node:secret@127.0.0.1:{redis.port}", prefix="acl").line()
        assert await asked(line, "r") == [0, [], []]
        await ending(line)
        wrong = await Attempt(f"redis://node:wr0ng@127.0.0.1:{redis.port}").outcome
        assert isinstance(wrong, str)
        assert "WRONGPASS" in wrong
        assert "wr0ng" not in wrong
        await deferLater(reactor, 0)
        notAllowed = await Attempt(f"redis://node:secret@127.0.0.1:{redis.port}", prefix="other").outcome
        assert isinstance(notAllowed, str)
        assert "NOPERM" in notAllowed
        await deferLater(reactor, 0)
        client("ACL", "DELUSER", "node")
        client.close()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_removesTheKeysOfOlderGenerations(self, redis: Redis) -> None:
        client = redis.client()
        client("FLUSHALL")
        for number in range(1200):
            client("SET", f"tidy:old:{number}", "x")
        client("SET", "tidyother:old", "x")
        line = await Attempt(redis.url, prefix="tidy").line()
        done: Deferred[None] = Deferred()
        line.tidy(lambda: done.callback(None))
        await done
        await asked(line, "r")
        [own] = client("KEYS", "tidy:*")
        assert own.endswith(b":c")
        assert client("KEYS", "tidyother*") == [b"tidyother:old"]
        await ending(line)
        client.close()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_warnsOfARedisThatForgets(self, redis: Redis) -> None:
        client = redis.client()
        client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        events: list[LogEvent] = []
        with observed(events.append):
            connector = RedisConnector(RedisUrl.parse(redis.url), "test", reactor)
            for _ in range(2):
                line: Deferred[Line] = Deferred()
                connector("aaaaaa.1", lambda frame: None, line.callback, lambda why: None)
                await ending(await line)
        assert [event["policy"] for event in events if "policy" in event] == ["allkeys-lru"]
        assert tryRedis(RedisUrl.parse(redis.url))[1:] == [
            "Redis may forget members when its memory is full; set maxmemory-policy to noeviction"
        ]
        client("CONFIG", "SET", "maxmemory-policy", "noeviction")
        client.close()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_saysWhyNot(self, redis: Redis) -> None:
        refused = Attempt("redis://127.0.0.1:1")
        assert "redis://127.0.0.1:1 cannot be reached" in str(await refused.outcome)
        assert len(refused.lost) == 1

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_isOverWhenRedisEndsIt(self, redis: Redis) -> None:
        attempt = Attempt(redis.url)
        await attempt.line()
        client = redis.client()
        client("CLIENT", "KILL", "TYPE", "pubsub")
        await ended(attempt)
        client.close()

    @pytest.mark.parametrize(
        ("answers", "why"),
        [
            ([b"-ERR unknown command 'HELLO'\r\n"], "Redis refuses: ERR unknown command 'HELLO'"),
            (["redis_version:5.0.14\r\nrun_id:x"], "Redis is version 5.0.14, and has to be 6.2 or newer"),
            ([b"-NOPERM no INFO\r\n"], "Redis refuses: NOPERM no INFO"),
        ],
    )
    def test_isRefusedByARedisThatWillNotDo(self, answers: list[bytes | str], why: str) -> None:
        memory: Any = MemoryReactorClock()
        attempt = Attempt("unix:///redis.sock", using=memory)
        [(_, factory, *_)] = memory.unixClients
        connection = factory.buildProtocol(None)
        connection.makeConnection(_Transport())
        [answer] = answers
        fine = [b"+OK\r\n"] * (1 + len(SCRIPTS)) + [b"$0\r\n\r\n"]
        if isinstance(answer, str):
            fine.append(b"$%d\r\n%b\r\n" % (len(answer), answer.encode()))
        elif b"INFO" in answer:
            fine.append(answer)
        else:
            fine[0] = answer
        connection.dataReceived(b"".join(fine))
        assert attempt.lost == [why]

    def test_isGivenUpAfterAWhile(self) -> None:
        memory: Any = MemoryReactorClock()
        attempt = Attempt("unix:///nowhere", using=memory)
        memory.advance(4.1)
        assert attempt.lost == ["no answer"]
        attempt.giveUp("again")
        assert attempt.lost == ["no answer"]


class TestATrial:
    def test_saysWhatRedisIsLike(self, redis: Redis) -> None:
        for url in (f"{redis.url}/1", f"unix://{redis.path}"):
            [line] = tryRedis(RedisUrl.parse(url))
            assert re.fullmatch(rf"Redis at {re.escape(url)}: version [0-9.]+, maxmemory-policy noeviction", line)

    def test_saysWhyNot(self, redis: Redis) -> None:
        [line] = tryRedis(RedisUrl.parse("redis://127.0.0.1:1"))
        assert line.startswith("Redis at redis://127.0.0.1:1 cannot be reached now, and the server would start")
        [line] = tryRedis(RedisUrl.parse(f"redis://u:secret@127.0.0.1:{redis.port}"))
        assert "refuses: WRONGPASS" in line
        assert "secret" not in line

    def test_isNotTakenInByOthers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:

            def answer() -> None:
                made, _ = other.accept()
                made.recv(1000)
                made.close()

            thread = threading.Thread(target=answer)
            thread.start()
            [line] = tryRedis(RedisUrl.parse(f"redis://127.0.0.1:{other.getsockname()[1]}"))
            thread.join()
        assert "cannot be reached" in line


async def ending(line: Any) -> None:
    """End a line, and let go of its socket."""
    line.abort("done")
    await deferLater(reactor, 0)
    await deferLater(reactor, 0)


async def ended(attempt: Attempt) -> None:
    """A line that was there has ended."""
    waiting: Deferred[None] = Deferred()

    def look() -> None:
        if attempt.lost:
            waiting.callback(None)
        else:
            reactor.callLater(0.01, look)

    look()
    await waiting


_FAN = "local n = redis.call('INCR', 'n') for _, c in ipairs(ARGV) do redis.call('PUBLISH', c, n) end return n"


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_answersAndWhatIsPushedAreOneHistory(redis: Redis) -> None:
    """Each counts, and tells the others. A Redis that answered before it pushed, or a client that applied its answers a
    moment late, would not pass."""
    client = redis.client()
    client("DEL", "n")
    steps, number = 300, 3
    histories: list[list[int]] = [[] for _ in range(number)]
    done: Deferred[None] = Deferred()

    def noted(history: list[int], count: Any) -> None:
        history.append(int(count))
        if all(len(each) == number * steps for each in histories) and not done.called:
            done.callback(None)

    connections = [await connected(redis, f"c{which}", partial(noted, histories[which])) for which in range(number)]
    for _ in range(steps):
        for which, connection in enumerate(connections):
            others = [f"c{other}" for other in range(number) if other != which]
            connection.send(("EVAL", _FAN, 0, *others), partial(noted, histories[which]))
    await done
    assert histories == [list(range(1, number * steps + 1))] * number
    for connection in connections:
        await ending(connection)
    client.close()


async def connected(redis: Redis, channel: str, pushed: Callable[[Any], None]) -> RedisConnection:
    """A connection that listens to a channel."""
    connection = RedisConnection(lambda _, message: pushed(message), lambda why: None)
    await endpointOf(RedisUrl.parse(redis.url), reactor).connect(Factory.forProtocol(lambda: connection))
    subscribed: Deferred[Any] = Deferred()
    connection.send(("HELLO", 3))
    connection.send(("SUBSCRIBE", channel), subscribed.callback)
    await subscribed
    return connection
