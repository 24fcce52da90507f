"""Tests of ICE servers."""
