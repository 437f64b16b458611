"""Experts that are formulas, each in the file that its registry names."""
