"""Families of modulators, one per file; the folder is the registry."""
