"""A server without descriptors: it goes on for those who are there, does not spin, and recovers."""

from __future__ import annotations

from tests.faults.target import Bystanders, Target, quietly
from tests.support.sharedservers import SharedServers
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.wire import SOCKETIO_PATH, Wire

WITH_FEW = ("bash", "-c", 'ulimit -n 80; exec "$@"', "limited")


def test_withoutDescriptorsTheOthersGoOnAndLaterEverybodyComesIn(servers: SharedServers) -> None:
    process = servers({}, *WITH_FEW)
    bystanders = Bystanders(process)
    target = Target(process, bystanders)
    wire = Wire(target.address, target.newSource())
    session = wire.polling(4, path=SOCKETIO_PATH)
    session.send("40")
    session.receive()
    target.begin()
    crowd = [Connection(target.address, source=target.newSource()) for _ in range(250)]
    for connection in crowd:
        try:
            connection.send(b"GET ")
        except ConnectionEnded:
            pass
    target.waitUntil(lambda: target.descriptors() >= 80)
    # Also a large body needs no descriptor.
    session.send("42" + '["x","' + "y" * 300_000 + '"]')
    assert target.load(0.5) < 0.5
    for connection in crowd:
        connection.close()
    target.waitUntil(lambda: target.descriptors() < 30)
    target.end()
    # One line says what happens and what to raise; nobody reads one for each connection.
    (line,) = [line for line in process.output().splitlines() if "no file descriptors are left" in line]
    assert "#warn] no file descriptors are left: new connections are closed" in line
    assert "The limit of the process is 80: raise LimitNOFILE= in its unit" in line
    assert "EMFILE" not in process.output()
    session.send("1")
    wire.closeAll()
    bystanders.stop()


def test_theServerAsksForAllTheDescriptorsThatItMayHave(servers: SharedServers) -> None:
    process = servers({"socketio": {"cookie": "a"}}, "bash", "-c", 'ulimit -S -n 70; exec "$@"', "limited")
    wire = Wire(("127.0.0.1", process.port))
    connections = [wire.connection() for _ in range(150)]
    for connection in connections:
        quietly(connection, requestBytes("GET", "/status"))
    assert all(connection.readResponse().status == 200 for connection in connections)
    wire.closeAll()
