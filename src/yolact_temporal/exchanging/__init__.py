"""Masks of others in, masks for others out: score and export."""
