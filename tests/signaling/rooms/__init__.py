"""Tests of rooms, and of who waits for one."""
