"""Clips and runs that lie in an object store, by fsspec's addresses: fetched to a folder here, and put there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from yolact_temporal.data.runs.layout import MANIFEST
from yolact_temporal.errors import InputError, OutputError, UsageError

PROTOCOLS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory", "file")
"""Of the stores that are read and written. Addresses of web pages and streams are not among them, on purpose."""


def is_remote(place: str | Path) -> bool:
    """Say whether a place is an address and no path.

    Example:
        >>> is_remote("s3://bucket/clips/dog.mp4"), is_remote("clips/dog.mp4")
        (True, False)
    """
    return "://" in str(place)


def require_store(place: str) -> None:
    """Refuse an address that is of no object store, or whose fsspec is not installed.

    Raises:
        UsageError: in one sentence.
    """
    protocol = place.partition("://")[0]
    if protocol not in PROTOCOLS:
        raise UsageError(
            f"expected an address of {', '.join(f'{own}://' for own in PROTOCOLS)}, got {place}: copy the clip to one "
            f"of these, or to a disk"
        )
    _store(place)


def clips_at(place: str) -> list[str]:
    """Return the clips that an address with a pattern stands for, in order; any other address by itself.

    Raises:
        InputError: if nothing is there.
    """
    store, path = _store(place)
    protocol = place.partition("://")[0]
    with _reached(place):
        if any(letter in path for letter in "*?["):
            found = sorted(str(each) for each in store.glob(path))
        else:
            found = [path] if store.exists(path) else []
    if not found:
        raise InputError(f"expected a clip at {place}, found none: check the address")
    return [f"{protocol}://{each.lstrip('/') if protocol != 'file' else each}" for each in found]


def name_of(place: str) -> str:
    """Return a clip's name: the last part of its address, without the ending of a file.

    Example:
        >>> name_of("s3://bucket/clips/dog.mp4"), name_of("memory://frames/walk/")
        ('dog', 'walk')
    """
    return PurePosixPath(place.rstrip("/")).stem


def fetch(place: str, folder: Path) -> Path:
    """Copy a file, or a folder of images, into a folder here; returns its path there.

    Raises:
        InputError: if it is not there or cannot be read.
    """
    store, path = _store(place)
    target = folder / PurePosixPath(path.rstrip("/")).name
    folder.mkdir(parents=True, exist_ok=True)
    with _reached(place):
        if store.isdir(path):
            target.mkdir()
            for each in store.ls(path, detail=False):
                if store.isfile(each):
                    store.get_file(each, str(target / PurePosixPath(str(each)).name))
        else:
            store.get_file(path, str(target))
    return target


def fetch_manifest(run: str, folder: Path) -> bool:
    """Copy what a run in a store says of itself into a folder here; False where there is none.

    Raises:
        InputError: if the store cannot be reached.
    """
    store, path = _store(run)
    source = f"{path.rstrip('/')}/{MANIFEST}"
    with _reached(run):
        if not store.exists(source):
            return False
        folder.mkdir(parents=True, exist_ok=True)
        store.get_file(source, str(folder / MANIFEST))
    return True


def put_run(folder: Path, run: str) -> None:
    """Copy a finished run into a store, its manifest last: a run there that has one is whole.

    An earlier run's manifest goes first, so that nothing is taken for whole meanwhile.

    Raises:
        OutputError: if it cannot be written.
    """
    store, path = _store(run)
    target = path.rstrip("/")
    files = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != MANIFEST)
    try:
        if store.exists(f"{target}/{MANIFEST}"):
            store.rm_file(f"{target}/{MANIFEST}")
        for each in [*files, folder / MANIFEST]:
            put_file(each, run, each.relative_to(folder).parts)
    except Exception as error:  # each store raises errors of its own
        raise OutputError(f"expected to write {run}, {_told_by_the_store(error)}") from error


def put_file(file: Path, place: str, inside: Sequence[str]) -> None:
    """Copy a file into a store.

    Args:
        file: here.
        place: address of a folder.
        inside: where in it, a part each.
    """
    store, path = _store(place)
    target = "/".join([path.rstrip("/"), *inside])
    store.makedirs(target.rpartition("/")[0], exist_ok=True)
    store.put_file(str(file), target)


def joined(place: str, name: str) -> str:
    """Return the address of what lies in a folder of a store."""
    return f"{place.rstrip('/')}/{name}"


def _store(place: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(
            f"expected fsspec to reach {place}, which is not installed: pip install 'yolact-temporal[ray]'"
        ) from error
    try:
        store, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise UsageError(f"expected a store that fsspec knows, got {place} ({error})") from error
    return store, path


@contextlib.contextmanager
def _reached(place: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each store raises errors of its own
        raise InputError(f"expected to read {place}, {_told_by_the_store(error)}") from error


def _told_by_the_store(error: Exception) -> str:
    told = " ".join(str(error).split())
    return f"but the store says {type(error).__name__}: {told}: check the address and the access"
