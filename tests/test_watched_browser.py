"""The browser tests cannot hang: whatever is stuck, the test fails in time and the next one has a browser again."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from thorough import thorough_but
from watched_browser import CHROMIUM, Deadline, DeadlineError

# Each run is ended from outside, so that a watch that does not work fails here and hangs nothing.
AT_MOST_S = 150

HANGS = """
import pytest
from watched_browser import WatchedBrowser


@pytest.fixture(scope="module")
def browser():
    started = WatchedBrowser(grace=2.0)
    yield started
    started.close()


@pytest.fixture
def page(browser, request):
    # The others have time enough on a slow machine too: it is the stuck one that must end.
    with browser.page(5.0 if request.function is test_stuck else 90.0) as opened:
        yield opened


def test_before(page):
    assert page.evaluate("1 + 1") == 2


def test_stuck(browser, page):
    STUCK


def test_after(page):
    assert page.evaluate("2 + 2") == 4
"""

STUCK = {
    "a page that never answers": (
        "page.evaluate('() => { while (true) {} }')",
        "1 failed, 2 passed, 1 error",
    ),
    "a page that cannot be closed": (
        "[one.suspend() for driver in browser._drivers for one in driver.children()]",
        "3 passed, 1 error",
    ),
    "a busy test": ("while True: pass", "1 failed, 1 passed, 2 errors"),
    "a driver that stands still": (
        "[one.suspend() for one in browser._drivers]; page.evaluate('1')",
        "1 failed, 1 passed, 2 errors",
    ),
}
"""What the middle one of three tests does, and what pytest then says; without its driver the last one cannot pass."""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: apt-get install chromium")
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed")
@pytest.mark.parametrize("stuck", thorough_but(STUCK, ("a page that never answers",)))
def test_what_is_stuck_fails_and_does_not_hang(stuck, tmp_path):
    body, said = STUCK[stuck]
    (tmp_path / "test_inner.py").write_text(HANGS.replace("STUCK", body))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        str(tmp_path / "test_inner.py"),
    ]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "DeadlineError" in done.stdout
    assert said in done.stdout


def test_a_deadline_that_is_left_in_time_does_nothing():
    done = []
    with Deadline(60.0, [lambda: done.append(1)]) as deadline:
        assert not deadline.passed
    assert not deadline.passed
    assert done == []


def test_steps_follow_each_other_until_the_wait_ends():
    done = []

    def wait():
        with Deadline(0.05, [lambda: done.append(1), lambda: done.append(2), bool], grace=0.2):
            while len(done) < 2:
                pass

    with pytest.raises(DeadlineError, match="an end within"):
        wait()
    assert done == [1, 2]


@pytest.mark.slow
def test_after_the_last_step_the_wait_itself_is_ended():
    def wait():
        with Deadline(0.5, [], grace=0.5):
            while True:
                pass

    with pytest.raises(DeadlineError):
        wait()


def test_an_error_of_the_test_stays_the_cause():
    def fail():
        with Deadline(0.0, [bool], grace=30.0) as deadline:
            while not deadline.passed:
                pass
            raise ValueError("as it was")

    with pytest.raises(DeadlineError) as raised:
        fail()
    assert isinstance(raised.value.__cause__, ValueError)
