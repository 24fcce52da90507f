"""Black-box tests of the protocols: bytes in, bytes out, over real sockets."""
