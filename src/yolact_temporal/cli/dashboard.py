"""`dashboard`: finished runs in the browser."""

from __future__ import annotations

import argparse
import contextlib
import errno
import ipaddress
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from yolact_temporal.cli.options import command
from yolact_temporal.errors import UsageError

FIRST_PORT = 8501


_PORTS_TRIED = 100


def add(commands: Any) -> None:
    """Add `dashboard`."""
    parser = command(
        commands,
        "dashboard",
        "look at finished runs in the browser, and start new ones",
        "Serve a page over finished runs: who is steadier and why, when and where masks jitter and flicker, frames and "
        "videos side by side, clips compared, and new analyses. Only this machine can open it, unless --address says "
        "otherwise.",
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
        help="address to serve at (default: 127.0.0.1, this machine only); the page asks for no password",
    )
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Serve the dashboard of a runs folder until it is ended."""
    runs = _runs_folder(args.runs)
    port = free_port(args.address, args.port)
    if not is_loopback(args.address):
        print(
            f"yolact-temporal: anyone who can reach {args.address} can see these runs and start analyses; "
            f"the page asks for no password",
            file=sys.stderr,
        )
    _serve(runs, args.address, port)
    return 0


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def free_port(address: str, wanted: int | None) -> int:
    """Return the port to serve at.

    Args:
        address: the address to serve at.
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
        except socket.gaierror as error:
            raise UsageError(
                f"expected an address of this machine, got {address}: pass --address 127.0.0.1"
            ) from error
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


def _serve(runs: Path, address: str, port: int) -> None:
    """Run the server in this process; returns when it is told to end."""
    import streamlit

    # Everything that the first page needs is loaded now, and not while somebody waits for it.
    from yolact_temporal.dashboards import app
    from yolact_temporal.dashboards.charts.style import trust_charts
    from yolact_temporal.dashboards.jobs import MAX_UPLOAD_MB
    from yolact_temporal.dashboards.server import routes, warm_up

    options = {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": address,
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
    served = streamlit.App(script, routes=routes(runs, app.page_addresses()))
    trust_charts()
    threading.Thread(target=warm_up, args=(runs,), name="warm_up", daemon=True).start()
    # What the script finds as its arguments, and what the server takes for the program: as if it were started alone.
    sys.argv = [script, str(runs)]
    host = f"[{address}]" if ":" in address else address
    print(f"Dashboard of {runs}: http://{host}:{port}  (Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # how it is told to end
        served.run(config=options)
