"""The documentation says what is true: its examples run, its links lead somewhere, its tables are complete."""
