"""fastmlp: multilayer perceptrons with hand-written gradients, fast on a CPU, the same on CUDA."""

__version__ = "0.1.0"
