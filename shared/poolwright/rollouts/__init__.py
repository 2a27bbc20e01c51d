"""One boot image going to a chosen set of instance groups, in waves: the plan, the state machine, the gates. Pure."""
