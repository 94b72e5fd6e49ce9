"""What NVRTC says of a text that it cannot compile."""


class CompileException(Exception):
    """A text cannot be compiled; the message is the compiler's."""

    def __init__(self, msg, source, name, options, backend="nvrtc"):
        super().__init__()
        self._msg, self.source, self.name, self.options, self.backend = (
            msg,
            source,
            name,
            options,
            backend,
        )

    def __str__(self):
        return self.get_message()

    def get_message(self):
        """Return what the compiler printed."""
        return self._msg
