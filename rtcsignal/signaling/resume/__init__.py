"""How a client that lost its connection takes its place back."""
