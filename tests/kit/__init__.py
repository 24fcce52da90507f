"""Tests of what plugins are made with."""
