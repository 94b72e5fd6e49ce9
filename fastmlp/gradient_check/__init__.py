"""The gradient lesson: hand-written gradients against differences, layer by layer."""
