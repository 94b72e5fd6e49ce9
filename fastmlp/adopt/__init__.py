"""Networks that were trained elsewhere, by PyTorch or scikit-learn, become models."""
