"""Writes what is made from the sources: ``python -m tests.docs``, after a change of a key or of an event of clients."""

from __future__ import annotations

from tests.docs import keyfile
from tests.docs.eventtable import EVENTS
from tests.docs.keytable import KEYS

KEYS.write()
EVENTS.write()
keyfile.FILE.write_text(keyfile.rendered(), encoding="utf-8")
