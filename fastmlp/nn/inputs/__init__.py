"""What a network does with its columns before the first dense layer: encodings and embeddings."""
