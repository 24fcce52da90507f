"""The demo page and its modules: in Chromium with real media, and in Node with a clock that stands still."""
