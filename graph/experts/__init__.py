"""Experts: frozen networks and formulas, one kind a file."""
