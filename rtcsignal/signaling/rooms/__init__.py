"""Rooms, who is in them, and who waits for one."""
