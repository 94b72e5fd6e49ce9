"""Processes that train one network together, each on its part of every batch: MPI's ranks."""
