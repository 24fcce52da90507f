"""Tests of how sessions begin."""
