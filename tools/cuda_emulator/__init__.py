"""A CUDA device without a GPU: README.md says what it is, what it proves and how to use it."""
