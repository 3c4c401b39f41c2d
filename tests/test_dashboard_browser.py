"""The dashboard in a real browser: what a person does, and nothing amiss in the console."""

import csv
import importlib.util
import io
import os
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dashboard_runs import BLINKING, STEADY
from served_dashboard import ServedDashboard
from watched_browser import CHROMIUM, LIMIT_S, REBOUND, WatchedBrowser

# Last of all, where even the watch on the browser does not help: this ends the process, since a signal cannot.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900, method="thread")]

WAIT_MS = 45_000


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install playwright")
    started = WatchedBrowser()
    yield started
    started.close()


@pytest.fixture(scope="module")
def server(browser, finished_run, explained_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(finished_run.parent, folder / "runs")
    shutil.copytree(explained_run, folder / "runs" / "still")
    with ServedDashboard(folder / "runs", folder / "server.log") as started:
        yield started


@pytest.fixture
def page(browser, server, request):
    """The overview, open; at the end nothing may have gone wrong in the console or been asked of another machine."""
    wrong = []
    seconds = getattr(request.function, "seconds", LIMIT_S)
    with browser.page(seconds, viewport={"width": 1440, "height": 1000}) as opened:
        opened.set_default_timeout(WAIT_MS)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("console", lambda message: wrong.append(message.text) if fault(message) else None)
        opened.on("request", lambda request: wrong.append(request.url) if elsewhere(request.url) else None)
        opened.goto(f"{server.url}/?run=scene")
        title(opened, "scene")
        yield opened
    assert wrong == []


def within(seconds):
    """Give a test more time than the usual limit."""

    def give(test):
        test.seconds = seconds
        return test

    return give


def fault(message):
    """Whether a console message is an error of ours.

    Streamlit's download button asks in the background whether its file is still there; on a page that is just being
    left, the server has dropped it by then.
    """
    asked = message.location.get("url", "")
    dropped = "/media/" in asked and "404" in message.text
    return (
        message.type == "error" and not dropped and "Download Button source error - 404" not in message.text
    )


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


def test_a_person_sees_who_is_steadier_and_takes_the_figures_home(page, server):
    page.get_by_role("heading", name="How true the masks are is not known").wait_for()
    page.get_by_text("B1 boundary displacement").first.wait_for()
    got = download(page, "Download summary.csv")
    assert got == (server.root / "scene" / "summary.csv").read_bytes()


def test_every_page_is_one_click_away_and_every_chart_saves_as_a_picture(page):
    for name in ("Timeline", "Viewer", "Instances", "Why", "Compare clips", "New analysis", "Timeline"):
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


def shown(page, frame):
    """Wait until the viewer shows the pictures of a frame."""
    page.locator(f".columns[data-frame='{frame}']:not(.waiting)").wait_for()


def pictures(page):
    return page.locator(".columns .frame img").evaluate_all("(images) => images.map((image) => image.src)")


def test_keys_pressed_quickly_end_at_the_right_frame_and_the_jitter_can_be_seen(page):
    go(page, "Viewer")
    shown(page, 0)
    first = pictures(page)
    assert len(first) == 3
    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    for key in ["ArrowRight"] * 12 + ["ArrowLeft"] * 5 + ["ArrowRight"]:
        page.keyboard.press(key)
    shown(page, 8)
    page.get_by_text("frame 8, 0.333 s").wait_for()
    assert not set(first) & set(pictures(page))
    assert all("frame=8" in address for address in pictures(page))
    page.wait_for_url(re.compile(r"frame=8\b"))  # the script knows it too, and the viewer has stayed
    shown(page, 8)
    page.get_by_text("Show the jitter itself").click()
    page.get_by_text("White: the outline").wait_for()
    page.wait_for_function("document.querySelector('.stMain').innerText.includes('White: the outline')")
    page.locator(".columns .frame img[src*='jitter=1']").nth(1).wait_for()
    shown(page, 8)
    page.get_by_role("button", name="Next", exact=True).click()
    shown(page, 9)
    assert ["jitter=1" in address for address in pictures(page)] == [False, True, True]


def test_the_frames_play_one_after_the_other_to_the_last(page):
    go(page, "Viewer")
    shown(page, 0)
    page.evaluate(
        """() => {
        const roots = [...document.querySelectorAll('*')].map((element) => element.shadowRoot).filter(Boolean);
        const columns = roots.map((root) => root.querySelector('.columns')).find((found) => found?.dataset.frame);
        window.seen = [];
        new MutationObserver(() => window.seen.push(Number(columns.dataset.frame)))
            .observe(columns, { attributes: true, attributeFilter: ['data-frame'] });
        }"""
    )
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    shown(page, 23)
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.wait_for_url(re.compile(r"frame=23\b"))
    seen = page.evaluate("window.seen.filter((frame, at, all) => frame !== all[at - 1])")
    assert seen in (list(range(24)), list(range(1, 24)))
    shown(page, 23)


def test_the_videos_play_in_step_and_go_to_the_moment(page):
    go(page, "Viewer")
    videos = page.locator("video")
    videos.nth(1).wait_for()
    page.get_by_role("button", name="Play all").click()
    page.get_by_text(re.compile(r"^0\.[3-9]\d s$")).wait_for()
    times = videos.evaluate_all("(all) => all.map((video) => video.currentTime)")
    assert len(times) == 2
    assert min(times) > 0.1
    assert abs(times[0] - times[1]) < 0.3
    page.get_by_role("slider", name="Frame").fill("12")
    page.wait_for_url(re.compile(r"frame=12\b"))
    page.wait_for_timeout(500)
    page.get_by_role("button", name="To this moment").click()
    page.get_by_text("0.50 s", exact=True).wait_for()
    assert videos.evaluate_all("(all) => all.map((video) => video.paused)") == [True, True]


def test_a_track_is_chosen_and_its_table_downloaded(page, server):
    go(page, "Instances")
    page.get_by_role("heading", name=f"Track 1 of {STEADY}").wait_for()
    got = download(page, f"Download {STEADY}_tracks.csv")
    assert got == (server.root / "scene" / STEADY / "tracks.csv").read_bytes()
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name=BLINKING).click()
    page.get_by_role("heading", name=re.compile(f"of {BLINKING}")).wait_for()
    crop = page.get_by_title("Go to this frame").nth(1)
    frame = crop.inner_text().strip()
    crop.click()
    title(page, "Viewer")
    shown(page, frame)


def test_what_the_jitter_comes_from_is_shown_and_a_mask_is_asked_for(page, server):
    go(page, "Why")
    page.get_by_text("This run was made without").wait_for()
    page.goto(f"{server.url}/why?run=still&frame=5")
    title(page, "Why")
    page.get_by_role("heading", name=re.compile("^One mask: frame 5")).wait_for()
    settle(page)
    canvas = page.locator(".vega-embed canvas, .vega-embed svg").first
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"])
    page.wait_for_url(re.compile(r"frame=([6-9]|1\d)\b"))
    settle(page)
    got = download(page, "Download toy_parts_why.csv")
    assert got == (server.root / "still" / "toy_parts" / "why.csv").read_bytes()
    page.get_by_role("button", name="Show its parts").click()
    # A run folder's word never has code imported, not even by the process that is asked.
    answer = page.get_by_text("which your own code makes")
    answer.wait_for(timeout=90_000)  # of a process that loads PyTorch


def test_the_folder_is_compared(page):
    go(page, "Compare clips")
    page.get_by_role("heading", name="Steady, or seeing less?").wait_for()
    got = list(csv.DictReader(io.StringIO(download(page, "Download clips.csv").decode())))
    assert {row["model_a"] for row in got} == {STEADY, "toy_parts"}


_ATTACK = """async (at) => {
  const loads = (tag) => new Promise((resolve) => {
    const element = document.createElement(tag);
    element.onload = element.onloadeddata = () => resolve(true);
    element.onerror = () => resolve(false);
    const what = tag === 'video' ? 'overlay?run=scene&model=steady_model' : 'picture?run=scene&frame=1';
    element.src = `http://${at}/${what}`;
    document.body.append(element);
  });
  const opens = new Promise((resolve) => {
    const socket = new WebSocket(`ws://${at}/_stcore/stream`, ['streamlit']);
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
  const fetched = fetch(`http://${at}/_stcore/health`, {mode: 'no-cors'}).then(() => true, () => false);
  const read = fetch(`http://${at}/`).then((answer) => answer.status, () => 0);
  return [await loads('img'), await loads('video'), await opens, await fetched, await read];
}"""


@pytest.mark.parametrize("own_name", [False, True])
def test_a_page_of_another_origin_gets_nowhere(browser, server, tmp_path, own_name):
    """The page of another site, also where its name leads to the dashboard, and another page on this machine."""
    (tmp_path / "index.html").write_text("<title>elsewhere</title><body>elsewhere")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other, browser.page() as page:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            page.set_default_timeout(WAIT_MS)
            page.goto(f"http://{'127.0.0.1' if own_name else REBOUND}:{other.server_port}/index.html")
            port = server.url.rpartition(":")[2]
            for name in ("127.0.0.1", "localhost", REBOUND):
                assert page.evaluate(_ATTACK, f"{name}:{port}") == [False, False, False, False, 0], name
            page.goto(f"{server.url}/")
            page.goto(
                f"http://{REBOUND}:{port}/"
            )  # the name is rebound: now its page and the dashboard are one origin
            assert page.inner_text("body").startswith("expected one of this dashboard's own names")
            assert page.evaluate(_ATTACK, f"{REBOUND}:{port}") == [False, False, False, True, 403]
        finally:
            other.shutdown()


def test_the_dashboard_stands_in_no_frame_and_runs_no_script_from_elsewhere(browser, server, tmp_path):
    with browser.page() as page:
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{server.url}/")
        title(page, "scene")
        blocked = """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            setTimeout(() => resolve('nothing'), 5000);
            const made = document.createElement('script');
            made.textContent = 'window.ran = 1';
            document.head.append(made);
        })"""
        assert page.evaluate(blocked) == "script-src-elem"
        assert page.evaluate("window.ran") is None
        assert page.evaluate("fetch('http://192.0.2.1/').then(() => 'went', () => 'refused')") == "refused"
        page.goto("about:blank")
        page.set_content(f"<iframe src='{server.url}/'></iframe>")
        page.wait_for_timeout(1500)
        assert [frame.url.partition("://")[0] for frame in page.frames[1:]] == ["chrome-error"]


@within(420)
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


@within(240)
@pytest.mark.thorough
def test_screens_are_whole_at_both_widths(page, tmp_path):
    folder = Path(os.environ.get("YOLACT_TEMPORAL_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for width in (1440, 820):
        page.set_viewport_size({"width": width, "height": 1000})
        for name in ("Timeline", "Viewer", "Instances", "Why", "Compare clips", "New analysis", "Overview"):
            if name == "Overview":
                page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
                page.get_by_role("heading", name="is not known").or_(
                    page.get_by_role("heading", name="Nothing to compare")
                ).first.wait_for()
            else:
                go(page, name)
            settle(page)
            page.screenshot(path=folder / f"{name.lower().replace(' ', '_')}_{width}.png")
            main = page.get_by_test_id("stMain")
            wide = main.evaluate("(element) => element.scrollWidth - element.clientWidth")
            assert wide <= 1, (name, width)
