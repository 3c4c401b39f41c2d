"""What processes are given to do in the tests of sharing out work; a module, so that a new process finds it."""

import os
import signal


def ready():
    """Ready at once; an item is what becomes of it."""
    return os.environ.get("OMP_NUM_THREADS"), work


def work(item, tell):
    tell(f"at {item}")
    if item == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "leaves":
        os._exit(3)
    return item * 2


def refuses():
    raise ValueError("no weights")


def dies_early():
    os._exit(7)
