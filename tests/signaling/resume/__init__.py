"""Tests of places that are taken back."""
