"""What the dashboard's server answers besides Streamlit's own: its pages by address, frames' pictures, overlay videos.

The viewer asks for each frame's pictures when it needs them, so that a step takes no run of the script. What a request
names is only ever compared with what the runs folder holds; a fault is one sentence of plain text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import altair as alt
import streamlit
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from yolact_temporal.dashboards.comparisons import run_comparison
from yolact_temporal.dashboards.guard import Guard
from yolact_temporal.dashboards.hosts import Place
from yolact_temporal.dashboards.loader import Run, find_run, find_runs, open_run
from yolact_temporal.dashboards.moments import color_keys, frame_indices
from yolact_temporal.dashboards.pictures import View, crop_picture, jpeg, model_picture, original_picture
from yolact_temporal.errors import InputError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PICTURE, CROP, OVERLAY = "picture", "crop", "overlay"
"""Addresses, from the server's root: of a picture of a frame, of a track's part of it, of a model's overlay video."""

_KEPT = {"Cache-Control": "private, max-age=3600"}
_AT_WORK = BoundedSemaphore(6)
"""Requests that are answered at once; the others wait."""
_PATIENCE_S = 60.0

_DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, MemoryError)
"""What files that do not fit together raise where they are drawn."""

_HEAD = "<head>"
_BASE = "<script>window.__streamlit = { BACKEND_BASE_URL: window.location.origin + '/' }</script>"


class Dashboard(streamlit.App):
    """The dashboard of a runs folder, guarded: Streamlit's pages and websocket, and the addresses of `routes`.

    Args:
        script: what Streamlit runs.
        root: the runs folder.
        pages: the addresses of the pages.
        places: the names and ports that are its own; whoever asks for another is refused.
    """

    def __init__(self, script: str, root: Path, pages: Sequence[str], places: Iterable[Place]) -> None:
        super().__init__(script, routes=routes(root, pages))
        self._guard = Guard(super().__call__, places, (_streamlit_page(), index_page()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, unless it is refused."""
        await self._guard(scope, receive, send)


def picture_query(run: Run, model: str | None, view: View) -> str:
    """Return the query of a picture's address but for its frame; the original's where `model` is None."""
    query = {"run": run.key, "state": run.manifest.finished}
    if model is not None:
        query |= {"model": model}
        query |= {
            name: "1"
            for name, on in (("jitter", view.jitter), ("boxes", view.boxes), ("labels", view.labels))
            if on
        }
    return urlencode(query)


def crop_query(run: Run, model: str, track_id: int) -> str:
    """Return the query of the address of a track's crop, but for its frame."""
    return urlencode({"run": run.key, "model": model, "track": track_id, "state": run.manifest.finished})


def overlay_query(run: Run, model: str) -> str:
    """Return the query of an overlay video's address."""
    return urlencode({"run": run.key, "model": model, "state": run.manifest.finished})


def routes(root: Path, pages: Sequence[str]) -> list[Route]:
    """Return the routes of the dashboard of a runs folder.

    Args:
        root: the runs folder.
        pages: the addresses of the pages. Streamlit's own script would look for its server below such an address
            first, and leave two errors in the browser's console; here it is told where the server is.
    """

    def answer(make: Callable[[Request, Run], Response]) -> Callable[[Request], Response]:
        """Make an endpoint that answers of the run asked for, and says in one sentence where it cannot."""

        def endpoint(request: Request) -> Response:
            """Answer one request; few at a time, since a picture of a large frame takes much memory."""
            if not _AT_WORK.acquire(timeout=_PATIENCE_S):
                return PlainTextResponse("expected fewer requests at once: ask again in a moment", 429)
            try:
                return make(request, find_run(root, request.query_params.get("run", "")))
            except (InputError, OSError) as error:
                return PlainTextResponse(str(error), 404)
            except _DAMAGE as error:
                told = " ".join(f"{type(error).__name__}: {error}".split())[:120]
                return PlainTextResponse(f"expected a run that can be shown, got a damaged one ({told})", 422)
            finally:
                _AT_WORK.release()

        return endpoint

    def page(_request: Request) -> Response:
        return HTMLResponse(index_page(), headers={"Cache-Control": "no-cache"})

    return [
        Route(f"/{PICTURE}", answer(_picture)),
        Route(f"/{CROP}", answer(_crop)),
        Route(f"/{OVERLAY}", answer(_overlay)),
        # The first page's own address is the root.
        Route(f"/{pages[0]}", lambda request: RedirectResponse(f"/?{request.query_params}")),
        *(Route(f"/{name}", page) for name in pages[1:]),
    ]


def warm_up(root: Path) -> None:
    """Read what the first run's pages need once, so that the first visitor does not wait for it."""
    for entry in find_runs(root):
        if entry.state != "finished":
            break
        with contextlib.suppress(InputError, OSError):
            run = open_run(root, entry)
            run_comparison(run)
            color_keys(run)
            for model in run.models:
                run.table(model, "frames")
            alt.Chart(run.summary()).mark_point().encode(x="metric:N", y="value:Q").to_dict()
        return


def index_page() -> str:
    """Return Streamlit's own page, told where its server is."""
    return _streamlit_page().replace(_HEAD, _HEAD + _BASE, 1)


def _streamlit_page() -> str:
    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


def _picture(request: Request, run: Run) -> Response:
    query = request.query_params
    frame = _frame(request, run)
    model = query.get("model")
    if model is None:
        picture = original_picture(run, frame)
    else:
        view = View(*(query.get(name) == "1" for name in ("jitter", "boxes", "labels")))
        picture = model_picture(run, _model(run, model), frame, view)
    return Response(jpeg(picture), media_type="image/jpeg", headers=_KEPT)


def _crop(request: Request, run: Run) -> Response:
    model = _model(run, request.query_params.get("model", ""))
    picture = crop_picture(run, model, _frame(request, run), _number(request.query_params.get("track", "")))
    return Response(jpeg(picture), media_type="image/jpeg", headers=_KEPT)


def _overlay(request: Request, run: Run) -> Response:
    path = run.file(_model(run, request.query_params.get("model", "")), "overlay.mp4")
    if not path.is_file():
        raise InputError("expected an overlay video, found none: analyze the clip again with --overwrite")
    return FileResponse(path, media_type="video/mp4", headers=_KEPT)


def _number(text: str) -> int:
    """Return what a query says is a number; -1 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _frame(request: Request, run: Run) -> int:
    text = request.query_params.get("frame", "")
    if _number(text) not in frame_indices(run):
        raise InputError(f"expected a frame that was measured, got {text[:20]!r}: choose one in the viewer")
    return _number(text)


def _model(run: Run, name: str) -> str:
    if name not in run.models:
        raise InputError(f"expected one of the models {', '.join(run.models)}, got {name[:80]!r}")
    return name
