"""Tests of joins and leaves."""
