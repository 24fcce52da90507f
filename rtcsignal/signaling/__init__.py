"""Rooms, their members, and the rules of join, leave and broadcast. Knows no packets and no sockets."""
