"""The studio: the page, the command line, and the runs that both start."""
