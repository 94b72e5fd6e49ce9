"""How a kernel becomes machine code that a Program calls: compiled, kept on disk, replayed."""
