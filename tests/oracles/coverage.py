"""Which operation is compared with an oracle by which test: written on the test, read by the test
of coverage.
"""


def covers(*operations):
    """Say that a test compares these operations of fastmlp.kernels with an independent oracle."""

    def mark(test):
        test.covers = operations
        return test

    return mark
