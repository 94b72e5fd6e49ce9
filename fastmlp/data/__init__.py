"""Readers of tables, arrays, images and named data sets; splits; preprocessing to numbers."""
