"""How often jitter is explained where nobody says; apart from what explains it, which takes long to load."""

WHY_SAMPLE = 6
"""By default jitter is explained on one of so many pairs of frames, so that it takes less than 15% of the run also
where there are thirty instances in a frame."""
