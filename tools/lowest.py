"""Make an environment of the lowest versions that pyproject.toml promises, for `make test-lowest`.

    python tools/lowest.py constraints         print each lower bound as a pip constraint
    python tools/lowest.py lend ENVIRONMENT    link this environment's torch into the environment at that path

torch and torchvision are not held to their lower bounds: with the libraries they bring they are 5 GB, and those of an
older release are 5 GB more. So they are lent by the environment whose Python runs this.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

EXTRAS = ("speed",)
"""Extras that a run imports by itself where they are there, so that their bounds are tried as well."""

LENT = ("torch", "torchvision", "triton")
LENT_PREFIXES = ("nvidia-", "cuda-")
"""What is lent: torch's own distributions and the libraries that come with it; all else it needs is small."""


def constraints(project: Mapping[str, Any]) -> list[str]:
    """Return `name==bound` for each dependency that is held to its lower bound; markers are kept.

    Args:
        project: the table of that name in pyproject.toml.

    Raises:
        ValueError: if a dependency has not exactly one lower bound.
    """
    wanted = [*project["dependencies"]]
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    lines = []
    for text in wanted:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) in LENT:
            continue
        bounds = [clause.version for clause in requirement.specifier if clause.operator == ">="]
        if len(bounds) != 1:
            raise ValueError(
                f"expected one lower bound in pyproject.toml, got {text!r}: write it as NAME>=VERSION"
            )
        marker = f"; {requirement.marker}" if requirement.marker else ""
        lines.append(f"{requirement.name}=={bounds[0]}{marker}")
    return lines


def lend(environment: Path) -> None:
    """Link what is lent into another environment, metadata and all, so that pip finds it there.

    An environment of another Python is left as it is, since torch is built for one: pip then installs it.

    Raises:
        ValueError: if torch is not installed here.
    """
    site = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    if not site.is_dir():
        print(f"{environment} has another Python: torch will be installed into it", file=sys.stderr)
        return
    lent = [each for each in distributions() if _is_lent(canonicalize_name(each.name))]
    if not any(each.name == "torch" for each in lent):
        raise ValueError(
            f"expected torch in the environment of {sys.executable}, found none: install it there"
        )
    for distribution in lent:
        for name in _top_names(map(str, distribution.files or ())):
            link = site / name
            if not link.exists():  # NVIDIA's distributions share a folder
                link.symlink_to(Path(str(distribution.locate_file(name))).resolve())


def _is_lent(name: str) -> bool:
    return name in LENT or name.startswith(LENT_PREFIXES)


def _top_names(files: Iterable[str]) -> set[str]:
    """Return the names that files of a distribution have in site-packages; scripts lie outside of it."""
    return {Path(file).parts[0] for file in files} - {"..", "__pycache__"}


def main(arguments: list[str]) -> int:
    """Run one of the two commands and return the exit code."""
    match arguments:
        case ["constraints"]:
            print("\n".join(constraints(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])))
        case ["lend", environment]:
            lend(Path(environment))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
