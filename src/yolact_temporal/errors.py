"""The faults a user can cause or meet, each with the exit code the command line gives for it.

Libraries raise these; only the command line prints them. Every message is one sentence that says what was
expected, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


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


class GivenInputError(InputError, ValueError):
    """Input that a call from Python was given and that cannot be read or measured: a `ValueError` as well."""


class WeightsError(InputError):
    """Weights that are missing, cannot be read, or do not fit the model."""


class OutputError(YolactTemporalError):
    """Results can no longer be written where they go: the folder is gone, or the disk full."""


class OutOfSpaceError(OutputError):
    """The disk that takes the results is full."""


def error_sentence(error: BaseException) -> str:
    """Return what to say of an error: its own sentence, or that it is a fault in the program.

    Example:
        >>> error_sentence(InputError("expected a clip, got a song"))
        'expected a clip, got a song'
        >>> error_sentence(KeyError("x"))[:37]
        "a fault in the program, KeyError ('x'"
    """
    if isinstance(error, YolactTemporalError):
        return str(error)
    return (
        f"a fault in the program, {type(error).__name__} ({' '.join(str(error).split())}): please report it with "
        f"the output of the same command and --debug"
    )


def advice_on_name(given: str, known: Iterable[str], otherwise: str = "pass one of these") -> str:
    """Return what to do about a name that is none of those known: the nearest one, where one is near.

    Args:
        given: what a person wrote; capitals, and "-" for "_", are no difference.
        known: the names that there are.
        otherwise: the advice where none is near.

    Example:
        >>> advice_on_name("yolact_bse", ["yolact_base", "yolact_im700"])
        'did you mean yolact_base?'
        >>> advice_on_name("unet", ["yolact_base", "yolact_im700"])
        'pass one of these'
    """
    from difflib import get_close_matches  # only where something is wrong

    folded = {_folded(name): name for name in known}
    near = get_close_matches(_folded(given), list(folded), n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else otherwise


def _folded(name: str) -> str:
    return name.strip("-").casefold().replace("_", "-")
