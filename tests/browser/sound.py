"""Whether a page hears the others without a break, as its browser counts it."""

from __future__ import annotations

from typing import Any

from tests.browser.person import Person

__all__ = ["Sound"]

_LOOKS_A_SECOND = 4

_WATCH = """async (pause) => {
    const { demo } = await import("./app.js");
    const heard = (window.soundHeard = {});
    const look = async () => {
        for (const peer of demo.call?.mesh.peers.values() ?? []) {
            const stats = [...((await peer.connection?.getStats()) ?? new Map()).values()];
            const sound = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
            const packets = sound?.packetsReceived ?? 0;
            const each = (heard[peer.info.name] ??= { looks: 0, silent: 0, longest: 0, packets: 0 });
            each.silent = packets > each.packets ? 0 : each.silent + 1;
            each.longest = Math.max(each.longest, each.silent);
            each.looks += 1;
            each.packets = packets;
        }
        setTimeout(look, pause);
    };
    await look();
}"""


class Sound:
    """Looks several times a second, from now on, at what has come of everyone in the call.

    Args:
        person: Whose page looks.
    """

    def __init__(self, person: Person) -> None:
        self._page = person.page
        self._page.evaluate(_WATCH, 1000 / _LOOKS_A_SECOND)

    def expectSteady(self, *names: str, seconds: float = 2.0) -> None:
        """More had come of each of these at nearly every look: there was never nothing for that long."""
        heard: dict[str, dict[str, Any]] = self._page.evaluate("window.soundHeard")
        for name in names:
            assert heard[name]["looks"] > seconds * _LOOKS_A_SECOND, heard
            assert heard[name]["longest"] < seconds * _LOOKS_A_SECOND, heard
