"""Stabilisers: recorded masks of a clip in, steadier ones out; and what that gains and costs."""
