"""Reading our own tables back, also after a spreadsheet has saved them again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolact_temporal.data.lines import open_table

_DELIMITERS = ",;\t"
_DECIMAL_COMMA = re.compile(r"(-?\d+),(\d+(?:[eE][+-]?\d+)?)")


@contextmanager
def csv_rows(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Open a table; yields its line numbers and rows, the header row first.

    A byte order mark is passed over. Cells may be separated by semicolons or tabs, as spreadsheets of some languages
    do; a comma in a number is then its point.

    Raises:
        OSError, UnicodeDecodeError, csv.Error: if it cannot be read; also while the rows are taken.
        InputError: if it is no plain file.
    """
    with open_table(path, "utf-8-sig") as file:
        header = file.readline()
        delimiter = max(_DELIMITERS, key=header.count)
        file.seek(0)
        yield _rows(file, delimiter)


def _rows(file: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(file, delimiter=delimiter)
    for row in lines:
        if delimiter != ",":
            row = [
                _DECIMAL_COMMA.sub(r"\1.\2", cell) if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in row
            ]
        yield lines.line_num, row
