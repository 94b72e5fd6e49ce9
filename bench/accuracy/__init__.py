"""``python -m bench.accuracy``: fastmlp and its peers on sixteen real tables."""
