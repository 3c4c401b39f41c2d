"""What the commands' errors say, in the words of Python: parameters in place of options."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from yolact_temporal.errors import GivenInputError, InputError, YolactTemporalError

P = ParamSpec("P")
R = TypeVar("R")

_OPTION = re.compile(r"--([a-z][a-z-]*)")
_CALLED = {
    "out": "folder",
    "ground_truth": "truth",
    "classes": "class_names",
    "bound": "bounds",
    "method": "methods",
}
"""Parameters that are called otherwise than the options they stand for."""


def in_python_words(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function's errors name its own parameters where the owner of a rule names the commands' options.

    Input that cannot be read or measured is a `ValueError` too, as whoever calls a function expects.

    Example:
        >>> from yolact_temporal.errors import UsageError
        >>> @in_python_words
        ... def run(folder: str = "", overwrite: bool = False) -> None:
        ...     raise UsageError("expected a free folder: pass --overwrite, or another folder to --out")
        >>> run()
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected a free folder: pass overwrite=True, or another folder
    """
    parameters = inspect.signature(function).parameters

    def called(option: re.Match[str]) -> str:
        name = option[1].replace("-", "_")
        name = name if name in parameters else _CALLED.get(name, name)
        if name not in parameters:
            return option[0]
        return f"{name}=True" if parameters[name].default is False else name

    @functools.wraps(function)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except YolactTemporalError as error:
            if len(error.args) == 1 and isinstance(error.args[0], str):
                error.args = (
                    _OPTION.sub(called, error.args[0].replace("another folder to --out", "another folder")),
                )
            if type(error) is InputError:
                raise GivenInputError(*error.args) from error.__cause__
            raise

    return spoken
