"""The metadata are in pyproject.toml; this file is for the tools that look for it."""

from __future__ import annotations

from setuptools import setup

setup()
