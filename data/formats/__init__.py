"""Interchange formats of masks in video."""
