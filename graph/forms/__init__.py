"""Forms of guidance, one a file. The folder is the registry."""
