"""Models for other programs: ONNX, PyTorch, and arrays as npz, text or JSON."""

from .write import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
