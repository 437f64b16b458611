"""Samplers, one a file, named after its algorithm. The folder is the registry."""
