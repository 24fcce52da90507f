"""Tests of the service layer: the configuration, the daemon and its signals."""
