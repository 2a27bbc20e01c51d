"""One file for each outside system, behind an interface of `poolwright.services.ports`."""
