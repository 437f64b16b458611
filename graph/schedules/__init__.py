"""Noise schedules, one a file. The folder is the registry."""
