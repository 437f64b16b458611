"""Exporting: a plan as one Python file on torch and diffusers alone, to be read and run.

The pieces that files are put together from lie in graph/export/pieces, one a member of a family.
"""
