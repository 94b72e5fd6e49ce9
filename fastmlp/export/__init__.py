"""Models as files for other programs: ONNX, PyTorch, plain text and arrays."""
