"""Attacks on a real server over real sockets, and what everybody else notices of them: nothing."""
