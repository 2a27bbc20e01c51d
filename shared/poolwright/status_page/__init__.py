"""The status page: what people may look at, rendered here, and changed by nobody from here."""
