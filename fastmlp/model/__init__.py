"""A trained model: its network with its preprocessing; what it predicts, how good it is."""
