"""The devices at hand, for tests that must hold on every one."""

import torch


def devices() -> list[str]:
    """Return "cpu" and, where present, "cuda" and "mps"."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found
