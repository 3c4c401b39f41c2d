"""Reading somebody's JSON and text with an open eye: sizes, encodings, depths and types are checked before use."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.data.formats.contract import MAX_CLASSES, MAX_IDENTITY
from yolact_temporal.data.rle import Rle, checked_rle, polygons_rle
from yolact_temporal.errors import InputError

MAX_BYTES = 512 << 20
"""Bytes of the largest JSON or text file that is read, 512 MiB: it takes about ten times as much memory."""


def read_text(path: Path) -> str:
    """Return a file's UTF-8 text, without a byte order mark.

    Raises:
        InputError: if it cannot be read, is larger than `MAX_BYTES`, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"expected a file of at most {MAX_BYTES >> 20} MiB, got {path}, which is larger: split it by clip"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"expected UTF-8 text in {path}, got byte {data[error.start]:#04x} at position {error.start}: save it as "
            f"UTF-8"
        ) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """Return what to say of a file or folder that cannot be opened."""
    return InputError(
        f"expected masks in {path}, which cannot be read ({error.strerror}): check the path and its permissions"
    )


def read_json(path: Path, what: str) -> Any:
    """Return a file's JSON.

    Args:
        path: the file.
        what: what it should be, as in "COCO results".

    Raises:
        InputError: if it cannot be read, or is no JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(
            f"expected {what} in {path}, got JSON that is nested too deeply: pass another file"
        ) from error
    except ValueError as error:
        raise InputError(
            f"expected {what} in {path}, got text that is not JSON ({one_line(str(error))}): it may be cut short"
        ) from error


def rows_of(content: Any, path: Path, what: str) -> list[dict[str, Any]]:
    """Return what should be a list of objects.

    Args:
        content: JSON.
        path: the file it is from.
        what: what it should be, as in "COCO results".

    Raises:
        InputError: if it is something else.
    """
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise InputError(
            f"expected {what} in {path}, a list of objects, got {_kind(content)}: correct the file"
        )
    return content


def shown(value: object) -> str:
    """Return a value for a message: as JSON has it, a string in quotes, on one line, and not too long.

    Example:
        >>> print(shown("1"), shown(1), shown([True, None]))
        "1" 1 [true, null]
    """
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return one_line(text)


def one_line(text: str) -> str:
    """Return text for a message: on one line, and not too long."""
    text = "".join(character if character.isprintable() else " " for character in text[:200])
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list of something else", str: "a string", bool: "a truth value"}
    return names.get(type(value), "null" if value is None else "a number")


_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")


def _as_number(value: object) -> int | float | None:
    """Return a number, also one that is written as text; None of anything else, truth values among it."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    return None


class Fields:
    """Takes typed values out of one object of a file; every fault names the file, the place and the field."""

    def __init__(self, row: Mapping[str, Any], path: Path, where: str) -> None:
        self.row, self.path, self.where = row, path, where

    def fault(self, expected: str, got: str) -> InputError:
        """Return what to say of a wrong value."""
        return InputError(f"expected {expected} at {self.where} of {self.path}, got {got}: correct the file")

    def value(self, name: str) -> Any:
        """Return a value that must be there.

        Raises:
            InputError: if it is not.
        """
        if name not in self.row:
            raise self.fault(f"a field {name}", "none")
        return self.row[name]

    def whole(self, name: str, least: int = 0, most: int = MAX_IDENTITY) -> int:
        """Return a whole number within bounds, which may be written as text or with a point.

        Raises:
            InputError: if it is none.
        """
        value = self.value(name)
        number = _as_number(value)
        if number is None or number != number // 1 or not least <= number <= most:
            raise self.fault(f"a whole {name} from {least} to {most}", shown(value))
        return int(number)

    def flag(self, name: str) -> bool:
        """Return a truth value, however it is written: true, 1, "true", "1"; false where the field is not there.

        Raises:
            InputError: if it is none.
        """
        value = self.row.get(name)
        word = value.strip().lower() if isinstance(value, str) else value
        if word in (True, "true", "1"):
            return True
        if word in (None, False, "false", "0", ""):
            return False
        raise self.fault(f"true or false, or 1 or 0, as {name}", shown(value))

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float:
        """Return a finite number within bounds.

        Raises:
            InputError: if it is none.
        """
        return self._number(name, self.value(name), least, most)

    def numbers(self, name: str, count: int) -> list[float]:
        """Return a list of `count` numbers that are finite in single precision.

        Raises:
            InputError: if it is none.
        """
        values = self.value(name)
        if not isinstance(values, list) or len(values) != count:
            raise self.fault(f"{count} numbers as {name}", shown(values))
        limit = float(np.finfo(np.float32).max)
        return [self._number(name, value, -limit, limit) for value in values]

    def _number(self, name: str, value: object, least: float, most: float) -> float:
        known = _as_number(value)
        if known is None or not least <= known <= most:
            bounds = f" from {least:g} to {most:g}" if math.isfinite(least) or math.isfinite(most) else ""
            raise self.fault(f"a number{bounds} as {name}", shown(value))
        number = float(known) if abs(known) < 1e308 else math.inf
        if not math.isfinite(number):
            raise self.fault(f"a finite number as {name}", shown(value))
        return number

    def name(self, name: str) -> str | None:
        """Return a printable text, None where there is none.

        Raises:
            InputError: if it is something else.
        """
        value = self.row.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.isprintable() or not value:
            raise self.fault(f"printable text as {name}", shown(value))
        return value

    def class_id(self, name: str, first: int = 1) -> int:
        """Return a class from 0, of a field that counts classes from `first`.

        Raises:
            InputError: if it is none.
        """
        return self.whole(name, first, MAX_CLASSES) - first

    def rle(self, name: str, value: Any) -> Rle:
        """Return a mask from an object with `size` and `counts`.

        Raises:
            InputError: if it is no run-length encoding of a frame.
        """
        if not isinstance(value, dict):
            raise self.fault(f"a run-length encoding as {name}", shown(value))
        size = value.get("size")
        edges = [_as_number(edge) for edge in size] if isinstance(size, list) else []
        if len(edges) != 2 or not all(isinstance(edge, int) for edge in edges):
            raise self.fault(f"a size of [height, width] in {name}", shown(size))
        return self.counts(name, (int(edges[0] or 0), int(edges[1] or 0)), value.get("counts"))

    def segmentation(self, name: str, value: Any, size: tuple[int, int]) -> Rle:
        """Return a mask of a frame of a size from any of COCO's three: runs, compressed runs, or polygons.

        Raises:
            InputError: if it is none of them.
        """
        if isinstance(value, dict):
            mask = self.rle(name, value)
            if tuple(mask["size"]) != size:
                raise self.fault(f"a mask of {size[1]}x{size[0]} pixels as {name}", f"{mask['size'][::-1]}")
            return mask
        try:
            return polygons_rle(size, value)
        except ValueError as error:
            raise self.fault(f"a run-length encoding or polygons as {name}", str(error)) from error

    def counts(self, name: str, size: tuple[int, int], counts: object) -> Rle:
        """Return a mask from its runs.

        Raises:
            InputError: if they are none of a frame of that size.
        """
        try:
            return checked_rle(size, counts)
        except ValueError as error:
            raise self.fault(f"a run-length encoding as {name}", str(error)) from error
