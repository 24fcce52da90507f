"""Tests of requests whose session is on another node."""
