"""A dashboard that is really served, in a process of its own, as a person starts it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

_LIMIT_S = 120.0


class ServedDashboard:
    """Serves a runs folder at a free port until it is closed.

    Args:
        root: the runs folder.
        log: the file that takes what it prints.
        options: further ones of the command line.

    Attributes:
        url: the address it printed, "http://127.0.0.1:PORT".
        port: of it.
    """

    def __init__(self, root: Path, log: Path, *options: str) -> None:
        self.root = root
        command = [sys.executable, "-m", "yolact_temporal", "dashboard", str(root), "--port", "0", *options]
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + _LIMIT_S
        while time.monotonic() < end and self._process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
            try:
                if found:
                    urllib.request.urlopen(f"{found[0]}/_stcore/health", timeout=5).close()
                    self.url, self.port = found[0], int(found[1])
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.close()
        raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; what does not end is killed."""
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=20)
