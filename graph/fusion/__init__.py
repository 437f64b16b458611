"""Fusion rules, one a file. The folder is the registry."""
