"""Tables as they stand in files: where they begin, how they are divided; no column is typed yet."""
