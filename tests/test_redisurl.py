"""The URL of a Redis: what it says, and that it keeps its password to itself."""

from __future__ import annotations

import pytest

from rtcsignal.redisurl import RedisUrl, UrlError


class TestAUrl:
    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("redis://localhost", RedisUrl("localhost", 6379)),
            ("redis://127.0.0.1:6390/2", RedisUrl("127.0.0.1", 6390, database=2)),
            ("redis://[::1]:1/", RedisUrl("::1", 1)),
            ("rediss://:a%40b@redis.example.org", RedisUrl("redis.example.org", 6379, "", True, "", "a@b")),
            ("redis://me:pw@h/0", RedisUrl("h", 6379, "", False, "me", "pw")),
            ("unix:///run/redis/redis.sock", RedisUrl(path="/run/redis/redis.sock")),
            ("unix://:pw@/run/a%20b?db=3", RedisUrl(path="/run/a b", password="pw", database=3)),
        ],
    )
    def test_saysWhereRedisIs(self, text: str, url: RedisUrl) -> None:
        assert RedisUrl.parse(text) == url

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://h:99999",
            "redis://h:0",
            "redis://h:port",
            "redis://h/x",
            "redis://h/01",
            "redis://h?db=1",
            "redis://h#1",
            "redis://h /1",
            "redis://h\n",
            "redis://user@h",
            "redis://[::1",
            "unix://",
            "unix://host/run/redis.sock",
            "unix:///",
            "unix:///run/redis.sock?db=x",
            "unix:///run/redis.sock?timeout=1",
        ],
    )
    def test_ofAnotherKindIsRefused(self, text: str) -> None:
        with pytest.raises(UrlError):
            RedisUrl.parse(text)

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("redis://me:secret@h", "redis://h:6379"),
            ("rediss://:secret@[::1]:1/4", "rediss://[::1]:1/4"),
            ("unix://:secret@/run/redis.sock", "unix:///run/redis.sock"),
            ("unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4"),
        ],
    )
    def test_isShownWithoutItsPassword(self, text: str, shown: str) -> None:
        url = RedisUrl.parse(text)
        assert str(url) == shown
        assert "secret" not in repr(url)

    @pytest.mark.parametrize("text", ["redis://me:secret@h:0", "redis://:secret@", "http://me:secret@h", "redis://secret@h"])
    def test_thatIsRefusedIsNotQuoted(self, text: str) -> None:
        with pytest.raises(UrlError) as caught:
            RedisUrl.parse(text)
        assert "secret" not in str(caught.value)
