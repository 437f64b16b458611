"""Likelihoods: off-the-shelf models as guidance asks them, one family a file."""
