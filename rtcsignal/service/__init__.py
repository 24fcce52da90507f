"""Configuration, wiring, the twistd plugin and logs: the only layer that builds objects."""
