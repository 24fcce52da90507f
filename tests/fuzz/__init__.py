"""Fuzzing of the decoders: any bytes give a value or the one error that says why not."""
