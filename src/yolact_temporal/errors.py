"""The faults a user can cause or meet, each with the exit code the command line gives for it.

Libraries raise these; only the command line prints them. Every message is one sentence that says what was
expected, what was found, and what to do.
"""


class YolactTemporalError(Exception):
    """Base of all faults with a message meant for a user.

    Attributes:
        exit_code: what the command line returns when this reaches it.
    """

    exit_code = 1


class UsageError(YolactTemporalError, ValueError):
    """A wrong argument: unknown model, device not there, start after end, output not writable or taken."""

    exit_code = 2


class InputError(YolactTemporalError):
    """Input that cannot be read or holds no frame."""

    exit_code = 3


class WeightsError(InputError):
    """Weights that are missing, cannot be read, or do not fit the model."""


class OutputError(YolactTemporalError):
    """Results can no longer be written where they go: the folder is gone, or the disk full."""


class OutOfSpaceError(OutputError):
    """The disk that takes the results is full."""
