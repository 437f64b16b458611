"""Training as a person asks for it: a file says what, a process of its own does it."""
