"""Tables as they stand in their files: where they begin, how they are divided; no column has a type
yet.
"""
