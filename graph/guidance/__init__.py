"""Guidance methods, one a file: how the gradient of a likelihood bends an estimate."""
