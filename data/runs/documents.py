"""The JSON that lies in a run: whose it is, of which version, and every value checked when it is read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from yolact_temporal.data.files import atomic_write, open_regular
from yolact_temporal.errors import InputError

TOOL = "yolact-temporal"
"""What a document names as the tool that wrote it: only what this tool wrote is ever replaced."""

ADVICE = "analyze the clip again, into another folder"
"""What to do about a run that cannot be read."""

_LARGEST = 16 << 20
_LARGEST_WHOLE = (1 << 53) - 1
_LARGEST_NUMBER = 1e300
_HIGHEST_RATE = 1_000_000
"""Frames a second."""
_RATE = re.compile(r"\d{1,18}(?:/\d{1,18}|\.\d{1,18})?")


def read_whole(path: Path, what: str) -> bytes | None:
    """Return the bytes of a document; None where there is none.

    Args:
        path: a plain file.
        what: what it should be, for messages.

    Raises:
        InputError: if it cannot be read, is no plain file, or is too large.
    """
    try:
        with open_regular(path) as file:
            text = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, what, error.strerror or str(error)) from error
    if len(text) > _LARGEST:
        raise _unreadable(path, what, f"it holds more than {_LARGEST >> 20} MiB")
    return text


def versioned(text: bytes, path: Path, what: str) -> tuple[dict[str, Any], int]:
    """Return an object of JSON and its `format_version`.

    Raises:
        InputError: if the text is no such object.
    """
    try:
        data = json.loads(text.decode("utf-8"))
        version = data["format_version"]
        if not isinstance(data, dict) or not isinstance(version, int) or isinstance(version, bool):
            raise ValueError(f"the format version {str(version)[:20]}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(path, what, " ".join(str(error).split())[:120] or type(error).__name__) from error
    return data, version


def write_versioned(path: Path, version: int, document: Mapping[str, Any]) -> None:
    """Write a document whole or not at all, as `versioned_text` has it."""
    with atomic_write(path) as file:
        file.write(versioned_text(version, document))


def versioned_text(version: int, document: Mapping[str, Any]) -> str:
    """Return a document as JSON with the tool's name and its version; what is not finite is null.

    Bytes of a file's name that are no UTF-8 are escaped, and come back when it is read.
    """
    marked = {"tool": TOOL, "format_version": version} | {
        key: value for key, value in document.items() if key not in ("tool", "format_version")
    }
    text = json.dumps(_finite(marked), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unreadable(path: Path, what: str, reason: str) -> InputError:
    return InputError(
        f"expected {what} in {path}, got a file that cannot be read as one ({reason}): {ADVICE}"
    )


class FieldError(ValueError):
    """A value of a document that is missing or invalid, by its name."""


class Fields:
    """The values of an object, each checked when it is taken.

    Args:
        data: the object.
        name: what it is called in messages.

    Raises:
        FieldError: from every call, naming a value that is missing or of another kind.
    """

    def __init__(self, data: object, name: str = "") -> None:
        if not isinstance(data, dict):
            raise FieldError(name or "everything")
        self._data, self._name = data, name

    def _fault(self, key: str) -> FieldError:
        return FieldError(f"{self._name}.{key}" if self._name else f"'{key}'")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; the default where there is none."""
        value = self._data.get(key, default)
        if not isinstance(value, str):
            raise self._fault(key)
        return value

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float:
        """Return a finite number, of at least `least` and at most `most`."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST_NUMBER:
            raise self._fault(key)
        if not (math.isfinite(value) and least <= value <= most):
            raise self._fault(key)
        return float(value)

    def number_or_none(self, key: str) -> float | None:
        """Return a finite number; None where there is none."""
        return None if self._data.get(key) is None else self.number(key)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._data.get(key)
        if not isinstance(value, bool):
            raise self._fault(key)
        return value

    def whole(self, key: str, least: int, default: int | None = None, most: int = _LARGEST_WHOLE) -> int:
        """Return a whole number of at least `least` and at most `most`; the default where there is none."""
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._fault(key)
        return value

    def whole_or_none(self, key: str, least: int, most: int = _LARGEST_WHOLE) -> int | None:
        """Return a whole number of at least `least` and at most `most`; None where there is none."""
        return None if self._data.get(key) is None else self.whole(key, least, most=most)

    def position(self, key: str) -> int | float | None:
        """Return a frame's index or seconds; None where it is not said."""
        value = self._data.get(key)
        return (
            value
            if value is None or (isinstance(value, int) and self.whole(key, 0) >= 0)
            else self.number(key)
        )

    def rate(self, key: str) -> Fraction | None:
        """Return a positive fraction, as in "30000/1001"; None where there is none."""
        if self._data.get(key) is None:
            return None
        text = str(self._data[key])
        # A power of ten would be written out: "1e999999999" takes all memory there is.
        if not _RATE.fullmatch(text):
            raise self._fault(key)
        try:
            rate = Fraction(text)
        except (ValueError, ZeroDivisionError) as error:
            raise self._fault(key) from error
        if not 0 < rate <= _HIGHEST_RATE:
            raise self._fault(key)
        return rate

    def fields(self, key: str, optional: bool = False) -> Fields:
        """Return the values of an object in this one."""
        value = self._data.get(key)
        name = f"{self._name}.{key}" if self._name else f"'{key}'"
        return Fields({} if value is None and optional else value, name)

    def items(self, key: str) -> Sequence[object]:
        """Return a list; an empty one where there is none."""
        value = self._data.get(key) or []
        if not isinstance(value, list):
            raise self._fault(key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; an empty one where there is none."""
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise self._fault(key)
        return tuple(str(value) for value in values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def has(self, key: str) -> bool:
        """Say whether a value is there."""
        return self._data.get(key) is not None

    def all(self) -> Mapping[str, Any]:
        """Return all values, unchecked."""
        return self._data
