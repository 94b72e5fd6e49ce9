"""Runs of an experiment on a cluster: Dask's, Ray's, or joblib's processes on this machine."""
