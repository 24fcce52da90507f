"""The benchmark: that it counts what it says it counts."""
