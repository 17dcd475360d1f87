"""Measurements against named peers on the same path in the same run: `make bench`."""
