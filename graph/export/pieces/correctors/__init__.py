"""Correctors as an exported file has them, each in the file that its registry names."""
