"""Tests of the HTTP resources beside Socket.IO."""
