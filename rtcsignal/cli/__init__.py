"""The commands of ``python -m rtcsignal``: what people do at a terminal besides running the server."""
