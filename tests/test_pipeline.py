"""Stages overlap, end together, and fail as themselves."""

import threading
import time

import pytest

from yolact_temporal.analyzing.pipeline import Handover, overlapped


def test_items_come_in_order_and_all():
    assert list(overlapped(range(100), depth=3)) == list(range(100))
    assert list(overlapped([])) == []


def test_a_chain_of_stages_gives_what_a_plain_loop_gives():
    doubled = overlapped(2 * item for item in overlapped(range(50)))
    assert list(overlapped(item + 1 for item in doubled)) == [2 * item + 1 for item in range(50)]


def test_the_producer_runs_ahead_by_the_depth_and_no_further():
    made = []

    def items():
        for item in range(20):
            made.append(item)
            yield item

    stream = overlapped(items(), depth=3)
    assert next(stream) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    # one taken, three waiting, one in hand
    assert len(made) == 5
    stream.close()


def test_a_failure_is_raised_as_itself_after_the_items_before_it():
    def items():
        yield 1
        raise KeyError("lost")

    stream = overlapped(item for item in overlapped(items()))
    assert next(stream) == 1
    with pytest.raises(KeyError, match="lost"):
        next(stream)


def test_leaving_early_closes_every_stage_and_leaves_no_thread():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append("source")

    before = threading.active_count()
    inner = overlapped(items())
    outer = overlapped(item for item in inner)
    assert next(outer) == 0
    outer.close()
    inner.close()
    assert closed == ["source"]
    assert threading.active_count() == before


def test_each_side_of_a_queue_knows_how_long_it_waited_for_the_other():
    def slowly(items, seconds):
        for item in items:
            time.sleep(seconds)
            yield item

    starved, crowded = Handover("slow", "quick"), Handover("quick", "slow")
    assert len(list(overlapped(slowly(range(5), 0.02), 2, handover=starved))) == 5
    assert len(list(slowly(overlapped(range(8), 2, handover=crowded), 0.02))) == 8
    # A sleep takes at least as long as it is told; what else takes time is the machine's affair.
    assert starved.for_item_s > max(0.05, starved.for_room_s)
    assert crowded.for_room_s > max(0.05, crowded.for_item_s)
