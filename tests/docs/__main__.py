"""Writes what is made from the schema of the configuration: ``python -m tests.docs``, after a change of a key."""

from __future__ import annotations

from tests.docs import keyfile, keytable

keytable.PAGE.write_text(keytable.page(), encoding="utf-8")
keyfile.FILE.write_text(keyfile.rendered(), encoding="utf-8")
