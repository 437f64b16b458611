"""What people wire: one small file per family of nodes, discovered by folder."""
