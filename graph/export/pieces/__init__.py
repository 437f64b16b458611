"""What exported files are put together from: read as text, never imported by the engine.

A file of a family is named as its member in the registry. What it imports from here is written
into the exported file with it; what it imports from elsewhere is imported there too.
"""
