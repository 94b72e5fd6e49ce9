"""Which test compares which operation with an oracle: noted on the test, read by coverage."""


def covers(*operations):
    """Say that a test compares these operations of fastmlp.kernels with an independent oracle."""

    def mark(test):
        test.covers = operations
        return test

    return mark
