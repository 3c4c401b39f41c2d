"""The process of a job: runs the command line and leaves its exit code on disk, whoever is still there to see it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType


def main(arguments: list[str]) -> int:
    """Run a command of the command line.

    Args:
        arguments: the job's folder, then the command from its subcommand on.

    Returns:
        The command's exit code, which is also written to the folder's `exit_code`.
    """
    folder, command = Path(arguments[0]), arguments[1:]
    started: list[subprocess.Popen[bytes]] = []
    asked: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        """Hand a signal on to what was started."""
        asked.append(number)
        for process in started:
            process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    started.append(subprocess.Popen([sys.executable, "-m", "yolact_temporal", *command]))
    if asked:  # before there was a process to tell
        started[0].send_signal(asked[0])
    code = started[0].wait()
    code = 128 - code if code < 0 else code  # as a shell tells of an end by a signal
    part = folder / "exit_code.part"
    part.write_text(str(code))
    part.replace(folder / "exit_code")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
