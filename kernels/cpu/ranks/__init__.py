"""What adds up over the ranks of a training, between two of its other operations."""
