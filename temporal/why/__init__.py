"""Why masks jitter (METRICS H1 to H6): the parts of the last frame carried to this one, mixed, and shared out."""
