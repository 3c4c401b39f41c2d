"""Dose and response: stand-in models with known faults, measured as any model is, and what must come out."""
