"""Correctors, one a file: what makes of a sampler's law the density that weights name."""
