"""`dashboard`: finished runs in the browser."""

from __future__ import annotations

import argparse
import contextlib
import errno
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.options import command
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.dashboards.hosts import Place

FIRST_PORT = 8501
_PORTS_TRIED = 100
_DETAILS = """\
Serve a page over finished runs: who is steadier and why, when and where masks
jitter and flicker, frames and videos side by side, clips compared, and new
analyses.

It answers only what is asked for by its own names (127.0.0.1, [::1] and
localhost with the port; with --address that address, and every --allow-host)
and only its own pages: a page of another site, or another program's page on
this machine, can neither read the runs nor start an analysis, nor show the
dashboard in a frame. It asks for no password and speaks plain HTTP: whoever
can reach it by one of its names, every user of this machine among them, can
see the runs and start analyses."""


def add(commands: Any) -> None:
    """Add `dashboard`."""
    parser = command(
        commands,
        "dashboard",
        "look at finished runs in the browser, and start new ones",
        _DETAILS,
    )
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="the folder of run folders, made if it is not there (default: runs)",
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="port to serve at, 0 for any (default: 8501 or the next free one)",
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="HOST",
        help="address to serve at (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="a further name that browsers ask for the dashboard by, with its port where a tunnel or a proxy gives it "
        "another one; may be repeated; needed with --address 0.0.0.0",
    )
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Serve the dashboard of a runs folder until it is ended."""
    from yolact_temporal.dashboards import hosts

    numbers = hosts.resolve(args.address)
    port = free_port(numbers, args.port)
    places = hosts.own_places(args.address, numbers, port, args.allow_host)
    if not args.runs.exists():
        print(
            f"yolact-temporal: {args.runs} was not there, so it is made: it holds no run yet", file=sys.stderr
        )
    runs = _runs_folder(args.runs)
    if not hosts.is_loopback(numbers):
        print(
            f"yolact-temporal: anyone who can reach {places[0]} can see these runs and start analyses; "
            f"the page asks for no password",
            file=sys.stderr,
        )
    _serve(runs, numbers, port, places)
    return 0


def free_port(address: str, wanted: int | None) -> int:
    """Return the port to serve at.

    Args:
        address: the address to serve at, in numbers.
        wanted: 0 for any free one, None for `FIRST_PORT` or the next free one.

    Raises:
        UsageError: if the wanted port is taken or out of range, or the address is not this machine's.
    """
    if wanted is not None and not 0 <= wanted <= 65535:
        raise UsageError(f"expected --port from 0 to 65535, got {wanted}")
    ports = range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED) if wanted is None else [wanted]
    for port in ports:
        try:
            family, kind, *_, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
                return int(probe.getsockname()[1])
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL):
                raise UsageError(
                    f"expected an address of this machine, got {address}: pass --address 127.0.0.1"
                ) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise UsageError(
        f"expected a free port, got {ports[0] if len(ports) == 1 else f'{ports[0]} to {ports[-1]}'}, which is taken: "
        f"pass another one to --port, or 0 for any"
    )


def _runs_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"expected a folder of runs, got {path} ({error.strerror}): pass the folder that analyze was given as --out"
        ) from error
    return path.resolve()


def _serve(runs: Path, address: str, port: int, places: Sequence[Place]) -> None:
    """Run the server in this process; returns when it is told to end."""
    # Everything that the first page needs is loaded now, and not while somebody waits for it.
    from yolact_temporal.dashboards import app
    from yolact_temporal.dashboards.charts.style import trust_charts
    from yolact_temporal.dashboards.jobs import MAX_UPLOAD_MB
    from yolact_temporal.dashboards.server import Dashboard, warm_up

    options = {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        # What a person's own configuration of Streamlit says of these is meant for pages of their own.
        "server.allowedHosts": sorted({place.name for place in places}),
        "server.corsAllowedOrigins": [],
        "server.enableAgentApi": False,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": places[0].name,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",
        "runner.magicEnabled": False,
        "logger.hideWelcomeMessage": True,
        "theme.base": "light",
        "theme.primaryColor": "#1f44d6",
        # The models' colours of the charts, for their names in the text.
        "theme.blueTextColor": "#1f44d6",
        "theme.orangeTextColor": "#d97900",
        "theme.greenTextColor": "#0c7f50",
        "theme.redTextColor": "#b22610",
        "theme.violetTextColor": "#8a4f78",
    }
    script = str(Path(app.__file__).absolute())
    served = Dashboard(script, runs, app.page_addresses(), places)
    trust_charts()
    threading.Thread(target=warm_up, args=(runs,), name="warm_up", daemon=True).start()
    # What the script finds as its arguments, and what the server takes for the program: as if it were started alone.
    sys.argv = [script, str(runs)]
    print(f"Dashboard of {runs}: http://{places[0]}  (Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # how it is told to end
        served.run(config=options)
