"""What an application with a Socket.IO server of its own imports."""

from __future__ import annotations

from twisted.internet.task import Clock

from rtcsignal import embedding
from rtcsignal.embedding import EngineOptions, EventNamespace, OriginRule, RecoveryOptions, SocketOptions, portFor


def test_everyNameIsThere() -> None:
    assert [name for name in embedding.__all__ if not hasattr(embedding, name)] == []


def test_itIsEnoughForAServer() -> None:
    engine = EngineOptions(path="/chat/", origins=OriginRule(["https://example.org"]))
    sockets = SocketOptions(recovery=RecoveryOptions(window=60))
    factory = portFor({"/": EventNamespace()}, Clock(), engine=engine, sockets=sockets)
    assert isinstance(factory, embedding.PortFactory)
    assert list(factory.engines) == ["/chat/"]
