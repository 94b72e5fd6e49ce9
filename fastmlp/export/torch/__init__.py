"""A model as a PyTorch module."""
