"""Finished runs in, comparisons of their models out."""
