"""Matrices that stay in their files: rows are read as they are needed, in the order of the file."""
