"""An HTTP service decides who may join. Needs treq: pip install 'rtcsignal[http]'."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import REQUIRED, Configurable, IPeer, IRoom, IRoomPolicy, IServices, Option, Refused


@implementer(IRoomPolicy)
class AskBackend(Configurable):
    """Asks an HTTP service who may join: 200 is yes, 403 is no, anything else a failure."""

    name = "ask-backend"
    url = Option(str, REQUIRED, "The service. It is asked with ?room=...&user=...")

    def start(self, services: IServices) -> None:
        self.http = services.http

    async def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        response = await self.http.get(self.url, params={"room": room.name, "user": peer.userId})
        await response.content()
        if response.code == 403:
            raise Refused("not-invited", "You are not invited to this room.")
        if response.code != 200:
            raise RuntimeError(f"the service answered {response.code}")


askBackend = AskBackend()
