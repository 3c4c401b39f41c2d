"""Tasks done in a process beside this one, or here where it cannot."""

import math
import operator
import os
from functools import partial

import pytest

from yolact_temporal.analyzing.beside import Beside, Later, do_all


def settled(later):
    """Wait until the process beside has done a task or given it back."""
    assert later._done.wait(60)
    return later.result()


@pytest.mark.slow
def test_a_process_beside_does_tasks_and_what_it_cannot_is_done_here():
    with Beside() as beside:
        beside.start()
        beside.start()  # there is one, however often it is asked for
        elsewhere = beside.later(os.getpid)
        fails = beside.later(partial(operator.truediv, 1, 0))
        local = beside.later(lambda: os.getpid())
        dies = beside.later(partial(os._exit, 3))
        assert settled(elsewhere) != os.getpid()
        with pytest.raises(ZeroDivisionError):
            settled(fails)
        assert settled(local) == os.getpid()
        assert dies._done.wait(60)
        after = beside.later(os.getpid)
        assert after.result() == os.getpid()


def test_without_a_process_all_is_done_here_when_it_is_wanted():
    done = []
    with Beside() as beside:
        first, second = (beside.later(partial(done.append, name)) for name in "ab")
        assert done == []
        second.result()
    do_all([first, second])
    assert done == ["b", "a"]


def test_a_task_is_done_once_by_whoever_takes_it():
    later = Later(partial(math.factorial, 5))
    assert later.take()
    assert not later.take()
    later.give(120)
    do_all([later])
    assert later.result() == 120
