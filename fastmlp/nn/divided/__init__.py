"""Layers that need all rows of a batch of which a rank has a part."""
