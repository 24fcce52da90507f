"""Tests of long-polling, in memory."""
