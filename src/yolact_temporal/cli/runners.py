"""Who measures several clips, as far as that is checked before anything heavy is loaded."""

from __future__ import annotations

import argparse
from typing import Any

from yolact_temporal.data.remote import is_remote
from yolact_temporal.errors import UsageError


def require_runner(args: argparse.Namespace) -> None:
    """Refuse a runner that is not installed, or options that go with another one.

    Raises:
        UsageError: in one sentence.
    """
    if args.runner == "ray":
        load_ray()
    elif args.ray_address is not None:
        raise UsageError("expected --runner ray beside --ray-address, got none: add it")
    elif is_remote(args.out):
        raise UsageError(
            f"expected a folder for --out, got the address {args.out}: only --runner ray writes into a store"
        )


def load_ray() -> Any:
    """Return Ray's module.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "expected Ray for --runner ray, which is not installed: pip install 'yolact-temporal[ray]', or drop "
            "--runner"
        ) from error
    return ray
