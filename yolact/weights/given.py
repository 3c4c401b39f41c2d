"""What a user calls weights by: a file's path, or a model's name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from yolact_temporal.errors import UsageError, advice_on_name


def require_file_or_model(given: str | Path, models: Collection[str]) -> None:
    """Refuse a bare word that is no model's name and no file; of a path to a missing file, its reader tells.

    Args:
        given: what was typed.
        models: the names that there are.

    Raises:
        UsageError: naming the models, or the nearest one.

    Example:
        >>> require_file_or_model("yolact_bse", ["yolact_base"])
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected a weights file or a model out of yolact_base, got 'yolact_bse': did
        you mean yolact_base?
    """
    path = Path(given)
    if str(given) in models or path.exists() or path.suffix or path.name != str(given):
        return
    advice = advice_on_name(str(given), models, "pass one of these, or the path of a file")
    raise UsageError(
        f"expected a weights file or a model out of {', '.join(models)}, got {str(given)!r}: {advice}"
    )
