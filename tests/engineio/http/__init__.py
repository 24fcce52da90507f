"""Tests of HTTP as values, in memory."""
