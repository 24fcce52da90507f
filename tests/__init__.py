"""Tests of rtcsignal; the folders mirror the package, and others run real clients and servers."""
