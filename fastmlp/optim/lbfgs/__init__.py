"""L-BFGS, which takes a function and its gradient rather than a step of a batch."""
