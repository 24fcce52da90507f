"""Several processes that serve the same ports: a supervisor, which opens them, and its workers, which serve."""
