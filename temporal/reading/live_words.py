"""How a live run stands in words: the terminal and the dashboard say the same."""

from __future__ import annotations

from yolact_temporal.data.runs.live_status import LiveStatus
from yolact_temporal.temporal.documents import UNDEFINED


def state_words(status: LiveStatus) -> str:
    """Return whether the stream plays, and why it was lost where it was."""
    return f"{status.state} ({status.problem})" if status.problem else status.state


def share_words(share: float | None) -> str:
    """Return a share of frames in percent.

    Example:
        >>> share_words(0.25), share_words(None)
        ('25%', 'undefined')
    """
    return UNDEFINED if share is None else f"{share:.0%}"


def age_words(seconds: float | None) -> str:
    """Return the age of a frame in milliseconds.

    Example:
        >>> age_words(0.25), age_words(None)
        ('250 ms', 'undefined')
    """
    return UNDEFINED if seconds is None else f"{1000 * seconds:.0f} ms"
