"""What basedpyright takes it for, so that it finds the same whether this is installed or not."""

from typing import Any

def __getattr__(name: str) -> Any: ...
