"""Measurements side by side: fastmlp and its peers on the same networks, data and machine."""
