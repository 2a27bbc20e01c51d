"""The use cases: load, observe, decide, act, record. One module each; `ports` says what they need of the outside."""
