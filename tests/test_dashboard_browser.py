"""The dashboard in a real browser: what a person does, and nothing amiss in the console."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from dashboard_runs import BLINKING, STEADY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS = 45_000


class Server:
    """A dashboard of its own process, as a person starts it."""

    def __init__(self, root):
        self.root = root
        command = [sys.executable, "-m", "yolact_temporal", "dashboard", str(root), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server(browser, finished_run, tmp_path_factory):
    root = tmp_path_factory.mktemp("served") / "runs"
    shutil.copytree(finished_run.parent, root)
    started = Server(root)
    yield started
    started.close()


@pytest.fixture
def page(browser, server):
    """The overview, open; at the end nothing may have gone wrong in the console or been asked of another machine."""
    wrong = []
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.set_default_timeout(WAIT_MS)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if fault(message) else None)
    opened.on("request", lambda request: wrong.append(request.url) if elsewhere(request.url) else None)
    opened.goto(f"{server.url}/?run=scene")
    title(opened, "scene")
    yield opened
    opened.close()
    assert wrong == []


def fault(message):
    # A page opened by its own address is first looked for there: Streamlit asks at two addresses for its own settings.
    return message.type == "error" and "_stcore" not in str(message.location)


def elsewhere(url):
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def title(page, text):
    page.get_by_role("heading", level=1, name=text).wait_for()


def go(page, name):
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    title(page, name)
    settle(page)


def settle(page):
    """Wait until the script has run and every picture it shows has come."""
    page.wait_for_timeout(300)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_function("[...document.images].every((image) => image.complete)")


def download(page, button):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes()


def pictures(page):
    return [image.get_attribute("src") for image in page.get_by_test_id("stImage").locator("img").all()]


def test_a_person_sees_who_is_steadier_and_takes_the_figures_home(page, server):
    page.get_by_role("heading", name="Undecided").wait_for()
    page.get_by_text("B1 boundary displacement").first.wait_for()
    got = download(page, "Download summary.csv")
    assert got == (server.root / "scene" / "summary.csv").read_bytes()


def test_every_page_is_one_click_away_and_every_chart_saves_as_a_picture(page):
    for name in ("Timeline", "Viewer", "Instances", "Compare clips", "New analysis", "Timeline"):
        go(page, name)
    page.get_by_test_id("stVegaLiteChart").first.hover()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as PNG").first.click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_moment_chosen_on_the_timeline_is_the_viewers(page):
    go(page, "Timeline")
    heading = page.get_by_role("heading", level=3, name=re.compile("^frame "))
    before = heading.inner_text()
    canvas = page.locator(".vega-embed canvas, .vega-embed svg").first
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.45 * box["height"])
    page.wait_for_function(
        "(before) => [...document.querySelectorAll('h3')]"
        ".some((h) => /^frame /.test(h.innerText) && h.innerText !== before)",
        arg=before,
    )
    moment = heading.inner_text().split(",")[0]
    page.get_by_role("button", name="Open in the viewer").click()
    title(page, "Viewer")
    page.get_by_text(re.compile(f"^{moment},")).wait_for()


def test_a_stretch_of_time_can_be_zoomed_to_and_left_again(page):
    go(page, "Timeline")
    box = page.locator(".vega-embed canvas, .vega-embed svg").first.bounding_box()
    y = box["y"] + 0.45 * box["height"]
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y, steps=4)
    page.mouse.move(box["x"] + 0.8 * box["width"], y, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Show the whole clip").click()
    page.get_by_text("Click a moment to see it").wait_for()


def test_the_slider_moves_the_frame_and_the_jitter_can_be_seen(page):
    go(page, "Viewer")
    page.get_by_test_id("stImage").nth(2).wait_for()
    settle(page)
    first = pictures(page)
    assert len(first) == 3
    for frame in range(1, 6):
        # a key that is pressed while the page is being drawn anew is lost
        page.get_by_role("slider", name="Frame").press("ArrowRight")
        page.get_by_text(re.compile(f"^frame {frame},")).wait_for()
        settle(page)
    settle(page)
    second = pictures(page)
    assert not set(first) & set(second)
    page.get_by_text("Show the jitter itself").click()
    page.get_by_text("White: the outline").wait_for()
    settle(page)
    assert set(pictures(page)) != set(second)
    page.get_by_role("button", name="Next").click()
    page.get_by_text(re.compile("^frame 6,")).wait_for()


def test_the_videos_play_in_step(page):
    go(page, "Viewer")
    page.wait_for_function(
        "[...document.querySelectorAll('video')].filter((v) => v.readyState >= 2).length === 2"
    )
    page.get_by_role("button", name="Play all").click()
    page.wait_for_function("[...document.querySelectorAll('video')].every((v) => v.currentTime > 0.2)")
    apart = page.evaluate(
        "() => [...document.querySelectorAll('video')].map((v) => v.currentTime).reduce((a, b) => Math.abs(a - b))"
    )
    assert apart < 0.3


def test_a_track_is_chosen_and_its_table_downloaded(page, server):
    go(page, "Instances")
    page.get_by_role("heading", name=f"Track #1 of {STEADY}").wait_for()
    got = download(page, f"Download {STEADY}_tracks.csv")
    assert got == (server.root / "scene" / STEADY / "tracks.csv").read_bytes()
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name=BLINKING).click()
    page.get_by_role("heading", name=re.compile(f"of {BLINKING}")).wait_for()


def test_the_folder_is_compared(page):
    go(page, "Compare clips")
    page.get_by_role("heading", name="Steady, or seeing less?").wait_for()
    got = list(csv.DictReader(io.StringIO(download(page, "Download clips.csv").decode())))
    assert {row["model_a"] for row in got} == {STEADY}


def test_a_clip_is_uploaded_analyzed_through_a_reload_and_shown(page, server, clip):
    go(page, "New analysis")
    page.get_by_text("Models and thresholds").click()
    baseline = page.get_by_role("combobox", name="Compared with")
    for _ in range(5):  # a list that opens while the page is drawn anew closes again
        settle(page)
        baseline.click()
        page.keyboard.type("none")  # one model is enough to see the way of a clip
        page.keyboard.press("Enter")
        settle(page)
        if baseline.input_value() == "none":
            break
    assert baseline.input_value() == "none"
    page.locator("input[type=file]").set_input_files(str(clip("plain.mp4")))
    settle(page)
    page.get_by_role("button", name="Analyze", exact=True).click()
    page.get_by_text("is being analyzed").wait_for()
    page.reload()
    title(page, "New analysis")
    # The page lands on the result by itself; or the result waits to be shown, where it was done before the reload.
    page.get_by_role("heading", level=1, name="plain").or_(
        page.get_by_role("button", name="Show")
    ).first.wait_for(timeout=300_000)
    if not page.get_by_role("heading", level=1, name="plain").is_visible():
        page.get_by_role("button", name="Show").click()
    title(page, "plain")
    assert (server.root / "plain" / "run.json").is_file()


def test_screens_are_whole_at_both_widths(page, tmp_path):
    folder = Path(os.environ.get("YOLACT_TEMPORAL_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for width in (1440, 820):
        page.set_viewport_size({"width": width, "height": 1000})
        for name in ("Timeline", "Viewer", "Instances", "Compare clips", "New analysis", "Overview"):
            if name == "Overview":
                page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
                page.get_by_role("heading", name="Undecided").or_(
                    page.get_by_role("heading", name="Nothing to compare")
                ).first.wait_for()
            else:
                go(page, name)
            settle(page)
            page.screenshot(path=folder / f"{name.lower().replace(' ', '_')}_{width}.png")
            main = page.get_by_test_id("stMain")
            wide = main.evaluate("(element) => element.scrollWidth - element.clientWidth")
            assert wide <= 1, (name, width)
