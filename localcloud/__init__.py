"""A stand-in on loopback for the part of Google Cloud that poolwright uses. `python -m localcloud serve` starts it."""
