"""Several nodes that share their rooms through one Redis. Signalling is told of the others, and knows no Redis."""
