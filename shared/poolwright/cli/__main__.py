"""`python -m poolwright.cli`."""

from poolwright.cli import main

main()
