"""A stream's clock where damage moved it: single times that fit nowhere, and jumps that all later times follow."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence

LONGEST_HOLE = 1_000
"""Frames missing in a row beyond which a gap in times is a pause rather than a loss."""

_FARTHEST_REORDER = 20
"""Frames by which no codec's display time is away from those decoded before and after it."""


def is_even(gaps: Sequence[int], usual: int, slack: int, share: float = 0.8) -> bool:
    """Return whether most gaps between frames, at least this share of them, are the usual one."""
    return sum(abs(gap - usual) <= slack for gap in gaps) >= share * len(gaps)


def mend_jumps(
    presented: Sequence[int], decoded: Sequence[int], order: Sequence[int]
) -> tuple[array[int], array[int], tuple[tuple[int, int], ...]]:
    """Return display and decoding times with a clock put right that was set back or far ahead on the way.

    Where recordings were joined, or a fragment's start was damaged, all times from there on are moved by the same
    amount. Decoding times only ever rise, and in an evenly timed stream by the same step: what comes behind a jump goes
    on one step after what lies before it.

    Args:
        presented: display times of packets, in ticks.
        decoded: their decoding times.
        order: the packets in the order in which they lie in the file.

    Returns:
        The display times, the decoding times, and for each jump the packet behind it and by how many ticks the clock
        jumped.
    """
    gaps = [decoded[later] - decoded[earlier] for earlier, later in itertools.pairwise(order)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0
    slack = max(2, usual // 10)
    shown, coded, jumps = array("q", presented), array("q", decoded), list[tuple[int, int]]()
    if usual <= slack or not is_even(gaps, usual, slack, 0.6):  # a whole fragment may have the wrong step
        return shown, coded, ()

    moved = 0
    for packet, gap in zip(order[1:], gaps, strict=True):
        if not 0 < gap <= LONGEST_HOLE * usual:
            moved += usual - gap
            jumps.append((packet, gap - usual))
        shown[packet] += moved
        coded[packet] += moved
    return shown, coded, tuple(jumps)


def mend_outliers(times: Sequence[int]) -> Sequence[int]:
    """Return display times of packets in decoding order with those mended that fit nowhere in a constant rate.

    A flipped bit in one packet's time moves its frame to between two others, onto another, or to the clip's start or
    end, where it shifts all others. It belongs where its neighbours in the file leave a place free. Times of which
    more than a few do not fit are returned as they are: the rate is a variable one.
    """
    ordered = sorted(times)
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(ordered))
    usual = gaps[len(gaps) // 2] if gaps else 0
    slack = max(2, usual // 20)
    if usual <= slack or not is_even(gaps, usual, slack):
        return times
    odd = _misfits(times, usual, slack)
    if not 0 < len(odd) <= max(1, len(times) // 20):
        return times
    mended = array("q", times)
    for packet in odd:
        near = range(max(0, packet - _FARTHEST_REORDER), min(len(times), packet + _FARTHEST_REORDER + 1))
        around = sorted(mended[other] for other in near if other not in odd)
        # Where all between two others are taken, it is the first or the last one.
        free = _free_places(around, usual, slack) or [around[0] - usual, around[-1] + usual]
        expected = mended[packet - 1] + usual if packet else mended[packet + 1] - usual
        mended[packet] = min(free, key=lambda tick: abs(tick - expected))
        odd = odd - {packet}
    return mended


def _misfits(times: Sequence[int], usual: int, slack: int) -> set[int]:
    """Return the packets whose times lie off the grid between their neighbours', on another's, or far from all."""
    far = _FARTHEST_REORDER * usual
    odd = {
        packet
        for packet in range(1, len(times) - 1)
        if abs(times[packet] - times[packet - 1]) > far
        and abs(times[packet] - times[packet + 1]) > far
        and abs(times[packet + 1] - times[packet - 1]) <= far
    }
    # No codec shows the first frame so long after the second one, nor the last so long before the one before it.
    if len(times) > 2:
        odd |= {0} if times[0] - times[1] > far else set()
        odd |= {len(times) - 1} if times[-2] - times[-1] > far else set()
    by_time = sorted((tick, packet) for packet, tick in enumerate(times) if packet not in odd)
    for (tick, packet), (after, other) in itertools.pairwise(by_time):
        if tick == after:
            odd.add(max(packet, other, key=lambda one: _jump(times, one)))
    alone = [(tick, packet) for tick, packet in by_time if packet not in odd]
    for (before, _), (tick, packet), (after, _) in zip(alone, alone[1:], alone[2:], strict=False):
        split = _is_off(tick - before, usual, slack) and _is_off(after - tick, usual, slack)
        if split and not _is_off(after - before, usual, slack):
            odd.add(packet)
    # The first and the last one have but one neighbour, and the clip's own grid.
    for end in (alone[:3], alone[:-4:-1]):
        (first, packet), (second, _), (third, _) = end if len(end) == 3 else [(0, 0)] * 3
        if _is_off(abs(second - first), usual, slack) and not _is_off(abs(third - second), usual, slack):
            odd.add(packet)
    return odd


def _jump(times: Sequence[int], packet: int) -> int:
    """Return how far a packet's time is from its neighbours' in the file."""
    beside = [times[other] for other in (packet - 1, packet + 1) if 0 <= other < len(times)]
    return min(abs(times[packet] - tick) for tick in beside)


def _is_off(gap: int, usual: int, slack: int) -> bool:
    return gap <= 0 or abs(gap - round(gap / usual) * usual) > slack or round(gap / usual) == 0


def _free_places(ticks: Sequence[int], usual: int, slack: int) -> list[int]:
    free: list[int] = []
    for earlier, later in itertools.pairwise(ticks):
        steps = round((later - earlier) / usual)
        if abs(later - earlier - steps * usual) <= slack:
            free += [earlier + round(step * (later - earlier) / steps) for step in range(1, steps)]
    return free


def odd_gaps(ticks: Sequence[int]) -> list[int]:
    """Return the frames, among ones that are otherwise even, before which a gap is not the usual one.

    Empty where many are not: the rate is a variable one.

    Example:
        >>> odd_gaps([0, 40, 80, 120, 160, 300, 340, 380, 420, 460, 500, 540])
        [5]
        >>> odd_gaps([0, 40, 100, 170, 180, 300])
        []
    """
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0
    slack = max(2, usual // 10)
    odd = [frame for frame, gap in enumerate(gaps, 1) if abs(gap - usual) > slack]
    return odd if usual > slack and len(odd) <= max(2, len(gaps) // 10) else []
