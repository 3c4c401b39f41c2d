"""What a command prints where nobody can take it: one sentence or silence, never a traceback."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def told(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, before=""):
    """Run the command line as a process of its own; returns its exit code and what it printed."""
    command = [sys.executable, "-m", "yolact_temporal", *arguments]
    if before:
        command = ["sh", "-c", f'exec "$@" {before}', "sh", *command]
    ended = subprocess.run(command, stdout=stdout, stderr=stderr, text=True, check=False)
    return ended.returncode, ended.stdout or "", ended.stderr or ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["export", "--help"], ["metrics"], ["metrics", "--json"]],
    ids=" ".join,
)
def test_a_full_disk_under_what_is_printed_is_one_sentence(arguments):
    with FULL.open("w") as full:
        code, _, err = told(arguments, stdout=full)
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith("yolact-temporal: expected to print to standard output, found a disk that is full")


@pytest.mark.parametrize("before", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["plain", "json"])
def test_an_error_that_nobody_can_be_told_keeps_its_exit_code(before, more):
    code, out, err = told(["metrics", "--bogus", *more], before=before)
    assert (code, err) == (2, "")
    assert (json.loads(out)["exit_code"] == 2) if more else out == ""


@pytest.mark.parametrize(("before", "code"), [(">/dev/full 2>/dev/full", 2), (">&- 2>&-", 2)])
def test_an_error_without_any_stream_keeps_its_exit_code(before, code):
    assert told(["metrics", "--bogus", "--json"], before=before) == (code, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["metrics"], ["metrics", "--json"]], ids=" ".join)
def test_what_is_closed_is_not_printed_to(arguments):
    assert told(arguments, before=">&-") == (0, "", "")


@pytest.mark.slow
def test_a_reader_who_has_left_is_told_nothing():
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    reader.wait()
    with contextlib.closing(reader.stdin) as pipe:
        assert told(["metrics", "--json"], stdout=pipe) == (1, "", "")
