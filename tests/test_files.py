"""Files are whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from yolact_temporal.data import files
from yolact_temporal.data.files import atomic_write, part_path, require_folder, results_in, space_for
from yolact_temporal.errors import OutOfSpaceError, OutputError

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def test_a_file_appears_when_its_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "größe.csv"
    with atomic_write(path) as file:
        file.write("é\n")
        assert not path.exists()
        assert part_path(path).exists()
    assert path.read_bytes() == "é\n".encode()
    assert not part_path(path).exists()


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin", "wb") as file:
        file.write(b"\r\n\0")
    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\0"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stands(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def break_off() -> None:
        with atomic_write(path) as file:
            file.write("new")
            raise error

    with pytest.raises(error):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@needs_full_device
def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    monkeypatch.setattr(files, "create_part", lambda _path: os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(OutOfSpaceError, match="free some space"), atomic_write(path) as file:
        file.write("x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="other") as caught, space_for(tmp_path):
        raise OSError(errno.EIO, "other")
    assert not isinstance(caught.value, OutOfSpaceError)


@pytest.mark.parametrize("lost", [".", "model"])
def test_results_whose_folder_is_gone_are_one_sentence_that_names_it(tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    shutil.rmtree(folder / lost)
    with pytest.raises(OutputError, match="gone") as caught, results_in(folder):
        (folder / "model" / "frames.csv").write_text("")
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no such file", "elsewhere/clip.mp4"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        PermissionError(errno.EACCES, "not allowed", "run/frames.csv"),
    ],
)
def test_what_has_nothing_to_do_with_a_lost_folder_stays_what_it_is(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(type(error)) as caught, results_in(tmp_path):
        raise error
    assert caught.value is error


def test_a_full_disk_below_a_folder_is_one_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpaceError, match="free some space"), results_in(tmp_path):
        raise OSError(errno.ENOSPC, "full")


def test_a_folder_that_is_required_is_there_or_not_found(tmp_path: Path) -> None:
    require_folder(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        require_folder(tmp_path / "gone")
    assert caught.value.filename == str(tmp_path / "gone")
