"""One file a check: a pure function of what was seen."""
