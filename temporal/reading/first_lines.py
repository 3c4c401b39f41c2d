"""The first lines after a measurement: what was seen, the answers, a row an object, worst moments, where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from yolact_temporal.temporal.comparison.answer_text import brief_answer
from yolact_temporal.temporal.documents import Block, Items, Paragraph, Section, Table, as_console
from yolact_temporal.temporal.reading.clip_reading import ClipReading, Movement
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.reading.object_rows import ObjectReading
from yolact_temporal.temporal.reading.sizes import WORDS

WIDTH = 100
"""Characters a line of the terminal."""
LINES = 24
"""Most lines that one clip may take, whatever was found: 25 with what the models say of themselves at the start."""
MOMENTS = 5
"""How many of the worst moments are told."""

NONE = "-"
"""How a value that is not defined reads in a cell that holds several."""

_ENOUGH_MOMENTS = 3
"""Fewer are told only where there is no room even without what the movement comes from."""
_NAMED = 5

_OBJECTS_TITLE = "Objects"
MOMENTS_TITLE = "Worst moments (by how much of the mask changes, and how large it is)"


MOST_LISTED = 1_000
"""Of more objects a report lists those of most pairs, and sums up the rest: `objects.csv` and `tracks.csv` have all."""


def first_lines(reading: ClipReading) -> Section:
    """Return the first lines of a clip at full length, as the report has them: every sentence, object and moment."""
    blocks: list[Block] = [Paragraph(_seen(reading))]
    for verdict in reading.verdicts:
        blocks.append(Paragraph(verdict.headline, strong=True))
        blocks.append(Items([answer.sentence for answer in verdict.answers]))
    blocks += _sizes(reading)
    if reading.objects:
        listed = _object_table(reading, reading.objects[:MOST_LISTED])
        blocks.append(Section(_objects_title(reading), [listed, *unlisted(reading.objects[MOST_LISTED:])]))
    if reading.moments:
        blocks.append(
            Section(
                MOMENTS_TITLE,
                [moment_table(reading.moments, len(reading.models) > 1, reading.seconds is not None)],
            )
        )
    return Section(_title(reading), blocks)


def first_part(report: Section) -> Section:
    """Return of a run's whole report what `first_lines` has put there.

    Example:
        >>> report = Section("clip", [Paragraph("seen"), Section("Objects"), Section("yolact_compact")])
        >>> [getattr(block, "title", "") for block in first_part(report).blocks]
        ['', 'Objects']
    """
    blocks: list[Block] = []
    for block in report.blocks:
        if isinstance(block, Section) and block.title.partition(" (")[0] not in (
            _OBJECTS_TITLE,
            MOMENTS_TITLE.partition(" (")[0],
        ):
            break
        blocks.append(block)
    return Section(report.title, blocks)


def console_lines(reading: ClipReading, where: Sequence[str] = (), most: int = LINES) -> str:
    """Return the first lines for the terminal, in as many rows as `most` lines have room for.

    Objects give way first, then moments down to three, then what the movement comes from; the answers never.

    Args:
        reading: the clip.
        where: where to look next, a phrase each.
        most: lines.
    """
    fewest = min(len(reading.objects), 1)
    text = ""
    for moments, told in _givings_way(reading):
        # Each object takes a line: more of them than lines never fit, and a clip may have thousands.
        for objects in range(min(len(reading.objects), most), fewest - 1, -1):
            text = as_console(_short_lines(told, objects, moments, where), width=WIDTH, spaced=False)
            if text.count("\n") < most:
                return text
    return text


def _givings_way(reading: ClipReading) -> Iterator[tuple[int, ClipReading]]:
    """Yield how many moments are told, and of what reading, in the order in which things give way."""
    for moments in range(MOMENTS, _ENOUGH_MOMENTS - 1, -1):
        yield moments, reading
    for moments in range(_ENOUGH_MOMENTS, 0, -1):
        yield moments, replace(reading, causes="")


def _short_lines(reading: ClipReading, objects: int, moments: int, where: Sequence[str]) -> Section:
    blocks: list[Block] = [Paragraph(_seen(reading))]
    blocks += [Paragraph(verdict.headline) for verdict in reading.verdicts]
    if len(reading.verdicts) == 1:  # of more models the report answers each question
        verdict = reading.verdicts[0]
        blocks.append(Items([brief_answer(answer, verdict.models) for answer in verdict.answers]))
    blocks += _sizes(reading, floors=not _floors_told(reading))
    if reading.objects:
        rest = reading.objects[objects:]
        blocks.append(
            Section(
                _objects_title(reading),
                [
                    _object_table(reading, reading.objects[:objects]),
                    *unlisted(rest, "report.md has a row for each"),
                ],
            )
        )
    if reading.moments:
        told = reading.moments[:moments]
        blocks.append(
            Section(MOMENTS_TITLE, [moment_table(told, len(reading.models) > 1, reading.seconds is not None)])
        )
    blocks += [Paragraph(f"Look next: {'; '.join(where)}")] if where else []
    return Section(_title(reading), blocks)


def unlisted(rest: Sequence[ObjectReading], where: str = "the CSV tables have all of them") -> list[Block]:
    """Return what is said of objects that a table has no room for, and where they are; nothing where it has all."""
    return [Paragraph(_summed(rest, where))] if rest else []


def _floors_told(reading: ClipReading) -> bool:
    """Say whether a single comparison's answer has told the floor of each model."""
    outline = reading.verdicts[0].answer("outline") if len(reading.verdicts) == 1 else None
    return outline is not None and None not in outline.floor and not reading.from_truth


def _sizes(reading: ClipReading, floors: bool = True) -> list[Block]:
    """Return how large the movement is, and of one model how true its masks are."""
    sentences = [movement_sentence(reading, floors), _blink_sentence(reading), _quality_sentence(reading)]
    return [Paragraph(sentence) for sentence in (*sentences, reading.causes, *reading.remarks) if sentence]


def moment_table(moments: Sequence[Moment], several: bool, timed: bool = True) -> Table:
    """Return the worst moments: when, which object, in whose masks if there are several models, what happened.

    Args:
        moments: worst first.
        several: whether there are several models.
        timed: whether the clip has a time; seconds that nobody knows are not told.
    """
    rows = [
        (
            *([f"{one.time_s:.2f} s"] if timed else []),
            f"frame {one.frame}",
            one.who,
            *([one.model] if several else []),
            one.what,
        )
        for one in moments
    ]
    keys = (*(["time"] if timed else []), "frame", "object", *(["model"] if several else []), "what")
    return Table(("",) * len(keys), rows, keys=keys)


def _title(reading: ClipReading) -> str:
    height, width = reading.size
    parts = [f"{reading.frames} frame{'' if reading.frames == 1 else 's'}"]
    parts += [] if reading.seconds is None else [f"{reading.seconds:.1f} s"]
    return f"{reading.name}: {', '.join([*parts, f'{width}x{height}'])}"


def _seen(reading: ClipReading) -> str:
    """Return which objects were seen, with the share of the clip that each is there."""
    if not reading.objects:
        others = (
            "no object counts" if len(reading.models) > 1 or reading.from_truth else "nothing was recognised"
        )
        return f"Seen: {others}."
    head = "Seen by any model (share)" if len(reading.models) > 1 else "Seen (share of the clip)"
    longest = sorted(reading.objects, key=lambda own: (-own.frames, own.number))
    told = ""
    for named in range(min(len(longest), _NAMED), 0, -1):
        rest = Counter(own.name for own in longest[named:]).most_common()
        more = ", ".join(f"{name} x{count}" for name, count in rest)
        names = ", ".join(f"{own.who} {own.share:.0%}" for own in longest[:named])
        told = f"{head}: {names}{f'; and {more}' if more else ''}."
        if len(told) <= WIDTH - 2:
            break
    return told


def movement_sentence(reading: ClipReading, floors: bool = True) -> str:
    """Return how far outlines move, the floor beside, and how much of it a person sees; "" where that is not known.

    Args:
        reading: the clip.
        floors: whether it says what the floors are, which the outline's answer may have told.
    """
    told = [own for own in map(reading.movement, reading.models) if own.boundary_px is not None]
    if not told:
        return ""
    parts = []
    for place, own in enumerate(told):
        whose = "" if len(told) == 1 else f" in {own.model}"
        size = "" if own.boundary_share is None else f"{figure(own.boundary_share)}"
        size += " of the object's size" if size and not place else ""
        word = "" if own.grade is None else f"{WORDS[own.grade]}"
        floor = "the true masks" if reading.from_truth else "the floor"
        if own.near_floor:
            below = own.boundary_px is not None and own.boundary_px <= (own.floor_px or 0)
            word += f", {'no' if below else 'hardly'} more than {floor}"
        px = f"{figure(own.boundary_px)} px{'' if place else ' a frame'}"
        parts.append(f"{px}{whose} ({': '.join(part for part in (size, word) if part)})")
    tail = f"; {_floor_words(reading, told)}" if floors else ""
    return f"Outlines move {', '.join(parts)} beyond the motion{tail}."


def _floor_words(reading: ClipReading, told: Sequence[Movement]) -> str:
    """Return what each model's floor is, in as few words as there are different floors."""
    known = [own.floor_px for own in told if own.floor_px is not None]
    if len(known) < len(told):
        return "how much of it is the motion estimate's own error is not known"
    if reading.from_truth:
        return f"the true masks move {figure(known[0])} px"
    if not any(known):
        return "the motion estimate shows no error of its own"
    floors = list(dict.fromkeys(map(figure, known)))
    if len(floors) == 1:
        return f"at least {floors[0]} px may be the motion estimate's error"
    return f"of these at least {' and '.join(map(figure, known))} px may be the motion estimate's error"


def _blink_sentence(reading: ClipReading) -> str:
    """Return how often one model's objects blink; of several the answers say it."""
    if len(reading.models) > 1:
        return ""
    blinks = reading.movement(reading.models[0]).blinks
    if blinks is None:
        return ""
    if not blinks:
        return "No object blinks: none is gone between its first and last sighting."
    blinking = sum((own.models[reading.models[0]].blinks or 0) > 0 for own in reading.objects)
    return (
        f"{blinking} of {len(reading.objects)} objects blink{'s' if blinking == 1 else ''}, {blinks} "
        f"time{'' if blinks == 1 else 's'} in all: gone, and back."
    )


def _quality_sentence(reading: ClipReading) -> str:
    """Return how true one model's masks are; of several the answers say it."""
    if len(reading.models) > 1 or not reading.quality:
        return ""
    ((model, (region, outline)),) = reading.quality.items()
    if region is None or outline is None:
        return ""
    return f"Against the ground truth {model} has J {region:.3f} and F {outline:.3f} (1 is perfect)."


def _objects_title(reading: ClipReading) -> str:
    return _OBJECTS_TITLE if len(reading.models) == 1 else f"{_OBJECTS_TITLE} ({' / '.join(reading.models)})"


def _object_table(reading: ClipReading, shown: Sequence[ObjectReading]) -> Table:
    """Return a row an object, every model's figure in one cell; the last column is for notes, if there are any."""
    heads = ["", "seen", "pairs", "outline px", floor_head(reading.from_truth), "1 - IoU", "blinks", ""]
    keys = [
        "object",
        "share",
        "pairs",
        "boundary_px",
        "floor_px",
        "motion_compensated_jitter",
        "blinks",
        "note",
    ]
    rows = [_object_row(own, reading.models, reading.from_truth) for own in shown]
    width = len(keys) if any(row[-1] for row in rows) else len(keys) - 1
    return Table(heads[:width], [row[:width] for row in rows], keys=keys[:width])


def floor_head(from_truth: bool) -> str:
    """Return what a column of floors is called: with a ground truth they are what its own masks measure."""
    return "true px" if from_truth else "floor px"


def _object_row(own: ObjectReading, models: Sequence[str], from_truth: bool) -> tuple[str, ...]:
    made = [own.models[model] for model in models]
    return (
        own.who,
        f"{own.share:.0%}",
        str(own.pairs),
        _each([figure(one.boundary_px) for one in made]),
        _each([figure(one.floor_px) for one in (made[:1] if from_truth else made)]),
        _each([figure(one.jitter) for one in made]),
        _each([NONE if one.blinks is None else str(one.blinks) for one in made]),
        object_note(own, models),
    )


def _each(cells: Sequence[str]) -> str:
    return " / ".join(cells)


def object_note(own: ObjectReading, models: Sequence[str]) -> str:
    """Return why an object has too few pairs to say something by itself; "" where it has enough."""
    if own.weighs:
        return ""
    unseen = [model for model in models if not own.models[model].frames]
    if unseen:
        return f"{' and '.join(unseen)} never see{'s' if len(unseen) == 1 else ''} it"
    return "too short to weigh"


def _summed(rest: Sequence[ObjectReading], where: str) -> str:
    short = sum(not own.weighs for own in rest)
    pairs = sum(own.pairs for own in rest)
    what = f"{len(rest)} more object{'s' if len(rest) > 1 else ''}, {pairs} pairs in all"
    if short == len(rest):
        return f"{what}, {'each' if short > 1 else 'it is'} too short to weigh."
    return f"{what}{f', {short} of them too short to weigh' if short else ''}; {where}."


def figure(value: float | None) -> str:
    """Return a figure with the digits that a reader can use.

    Example:
        >>> [figure(value) for value in (0.0123, 0.1234, 2.345, 12.34, 123.4, 0.0, None)]
        ['0.012', '0.12', '2.3', '12', '123', '0', '-']
    """
    if value is None:
        return NONE
    return (
        f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 1e-4 or value == 0 else f"{value:.0e}"
    )
