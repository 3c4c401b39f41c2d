"""Frames by PyAV: every displayed frame, upright, with what was lost named."""

from __future__ import annotations

import contextlib
import heapq
import os
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import av
import av.container
import av.error
import av.video.stream
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.sources.opening import (
    decoder_options,
    demuxed,
    fault_of,
    number_packets,
    open_container,
    revealed,
    video_stream,
)
from yolact_temporal.data.sources.probe import Probe
from yolact_temporal.errors import InputError

# Converting each frame on one thread costs less processor time; older versions have no such choice.
RGB_CONVERSION: dict[str, Any] = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}

_MAY_SHOW_NOTHING = {"vp8", "vp9", "mpeg4"}
"""Formats with packets that show no frame of their own, so that a packet without one need not be a loss."""

_REORDERED = {"h264": 16, "hevc": 16, "mpeg1video": 2, "mpeg2video": 2, "mpeg4": 2, "vc1": 2, "wmv3": 2}
"""By how many frames display order differs from decoding order at most, where it does."""

_NO_COUNT = ("mpeg", "mpegts")
"""Containers that tell neither how many frames they have nor how long they are."""

FAULTS_TOLD = {"skip_loop_filter": "all", "err_detect": "explode"}
"""Of a decoder that shall end at any fault; deblocking changes pixels, not what is found, and costs a third."""

_STRICT = {"mjpeg": {"err_detect": "explode"}}
"""Decoders that hide damage unless told to report it. HEVC's would then also drop frames over harmless extras."""


def default_threads() -> int:
    """Return how many threads decode: two at most, since the network needs the cores more."""
    return min(2, os.cpu_count() or 1)


class PyavSource:
    """A `FrameSource` that decodes with PyAV (FFmpeg) in one forward pass.

    Frames hidden by an edit list are not shown. Packets that cannot be decoded and frames that the decoder marks as
    damaged are left out and told in `losses`; decoding goes on after them. A frame keeps its place in the clip's
    display order, so indices skip what was lost. Frames between a loss and the next keyframe lean on what was lost:
    they are given, and `warnings` names them. Colours follow the matrix and range that the clip is tagged with,
    BT.601 where it has no tag.

    Memory does not grow with the clip but for 8 bytes a frame of its probe.
    """

    def __init__(
        self, probe: Probe, info: ClipInfo, threads: int | None = None, concealed_at: int | None = None
    ) -> None:
        """Take a probed clip; `concealed_at` is a frame at which strict decoding found damage this one may conceal."""
        self.info = info
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = list(probe.remarks)
        self._probe = probe
        self._concealed_at = concealed_at
        self._threads = threads or default_threads()
        self._events: Generator[av.VideoFrame | str, None, None] | None = None
        self._faults: Counter[str] = Counter()  # since the last loss
        self._damaged = probe.fault is not None
        self._one_frame_a_packet = (
            probe.matched and not probe.interlaced and probe.codec not in _MAY_SHOW_NOTHING
        )
        self._frameless = 0
        self._damage_met = False
        self._forward = 1
        self._leaning: tuple[int, int] | None = None
        self._after_fault = False
        self._resized = False
        self._marked = MarkedPackets(probe)

    def __iter__(self) -> Iterator[Frame]:
        """Yield every displayed frame that can be decoded, in display order.

        Raises:
            RuntimeError: when iterated a second time.
        """
        if self._events is not None:
            raise RuntimeError("expected to be read once, got a second iteration: open the clip again")
        self._events = decode_events(
            self._probe, self._threads, _STRICT.get(self._probe.codec), marked=self._marked
        )
        position = 0
        if self._probe.open_start:
            self._lose(0, None)
        for place, event in self._in_order(self._events):
            if place > position:
                self._missing(position, place)
            index = place - self._frameless
            self._watch_leaning(event.key_frame, index)
            yield Frame(index, self._probe.time_s(place), self._upright(event))
            position = place + 1
        self._finish(position)

    def close(self) -> None:
        """Release the decoder."""
        if self._events is not None:
            self._events.close()

    def _note(self, fault: str) -> None:
        self._faults[fault] += 1
        self._damaged = self._damage_met = self._after_fault = True

    def _in_order(self, events: Iterator[av.VideoFrame | str]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the good frames with their places in display order, each place at most once.

        After damage a decoder may give frames before their turn. They wait for as many as the codec can reorder; what
        comes later still is lost.
        """
        held: list[tuple[int, int, av.VideoFrame]] = []
        most = _REORDERED.get(self._probe.codec, 0) if self._probe.matched else 0
        expected = came = 0
        for event in events:
            if isinstance(event, str) or event.is_corrupt:
                self._note(event if isinstance(event, str) else "a frame is damaged")
                continue
            place = self._place(event, expected)
            if place is None:
                continue
            if place < expected or any(place == other for other, _, _ in held):
                self._note("a frame came out of order")
                continue
            heapq.heappush(held, (place, came, event))
            came += 1
            while held and (held[0][0] == expected or len(held) > most):
                place, _, frame = heapq.heappop(held)
                expected = place + 1
                yield place, frame
        for place, _, frame in sorted(held, key=lambda item: item[0]):
            yield place, frame

    def _place(self, frame: av.VideoFrame, expected: int) -> int | None:
        """Return the frame's place among the probe's ticks, `expected` being the next one; None: it is not shown."""
        schedule, packet = self._probe.schedule, frame.opaque
        if not isinstance(packet, int):
            return expected
        if schedule.places is not None:
            place = schedule.places[packet] if packet < len(schedule.places) else -1
            return place if place >= 0 else None
        if schedule.least is None or packet >= len(schedule.least):
            return expected + self._faults.total()  # as near as can be known: each fault cost a frame
        least = schedule.least[packet]
        if (
            least == packet and not self._damage_met
        ):  # nothing is lost so far: learn how far B-frames come forward
            self._forward = max(self._forward, least - expected)
            return expected
        return max(expected, least - (self._forward if frame.pict_type == PictureType.B else 0))

    def _missing(self, expected: int, place: int) -> None:
        """Record what lies before a frame as lost, if it is."""
        if self._damaged or (expected and self._one_frame_a_packet):
            self._lose(place - self._frameless, place - expected)
        else:
            # In a file where nothing is wrong, a packet that shows no frame (a second field, say) is no loss.
            self._frameless += place - expected

    def _lose(self, at_index: int, count: int | None, at_end: bool = False) -> None:
        reasons = [f"{times} x {fault}" if times > 1 else fault for fault, times in self._faults.items()]
        if self._probe.fault is not None and (at_end or not reasons):
            reasons.insert(0, self._probe.fault)
        self.losses.append(FrameLoss(at_index, "; ".join(reasons) or "no frame came for it", count))
        self._faults.clear()
        self._after_fault = True

    def _watch_leaning(self, key_frame: bool, index: int) -> None:
        """Keep track of frames between a fault and the next keyframe, whose pictures may be distorted."""
        if self._after_fault and not key_frame:
            self._leaning = (self._leaning[0] if self._leaning else index, index)
        elif key_frame:
            self._tell_leaning()
            self._after_fault = False

    def _tell_leaning(self) -> None:
        if self._leaning is not None:
            first, last = self._leaning
            self.warnings.append(
                f"frames {first} to {last} follow damage and are built on it until the next keyframe: "
                "their pictures may be distorted"
            )
            self._leaning = None

    def _upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        height, width = self._probe.size if self._probe.orientation.a else self._probe.size[::-1]
        if (frame.height, frame.width) != (height, width) and not self._resized:
            self._resized = True
            self.warnings.append(
                f"the clip's frames change size, from {width}x{height} to {frame.width}x{frame.height}: "
                "all are scaled to the first one's"
            )
        rgb = frame.to_ndarray(format="rgb24", width=width, height=height, **RGB_CONVERSION)
        return self._probe.orientation.upright(np.asarray(rgb, np.uint8))

    def _finish(self, position: int) -> None:
        self._tell_leaning()
        if not position:
            raise InputError(
                f"expected frames in {self._probe.path}, but none can be decoded: copy or record it again"
            )
        missing = max(self._probe.frame_count or 0, self._probe.promised or 0) - position
        if missing > 0 and (self._damaged or self._one_frame_a_packet):
            self._lose(position - self._frameless, missing, at_end=True)
        elif self._probe.fault is not None and not self.losses and not self._counted_out(position):
            self._lose(position - self._frameless, None, at_end=True)
        elif missing > 0:
            self._frameless += missing
        elif self._probe.fault is not None and not self.losses:
            self.warnings.append(f"{self._probe.fault}, but all its frames came")
        self.warnings += [
            f"{doubt}, but all its frames came" for doubt in self._probe.doubts if not self.losses
        ]
        told = any(loss.count is None and loss.at_index for loss in self.losses)
        if not told and (self._probe.open_end or (self._faults and not self._counts())):
            self._lose(position - self._frameless, None, at_end=True)
        if self._concealed_at is not None and not self.losses:
            reason = "strict decoding finds damage here that the decoder conceals: pictures may be distorted"
            self.losses.append(FrameLoss(self._concealed_at, reason))
        if self._faults:
            self.warnings.append(
                f"{self._faults.total()} damaged packets cost no frame ({'; '.join(self._faults)})"
            )
        if self._marked.sound:
            self.warnings.append(
                f"{len(self._marked.sound)} packets that the container marks as damaged decode without a fault, as "
                "where recordings were joined: their frames are kept"
            )
        if self._frameless:
            self.warnings.append(f"{self._frameless} packets show no frame of their own: no loss")

    def _counts(self) -> bool:
        """Return whether the container tells how many frames it has, so that none can be missing at its end unseen."""
        return self._probe.promised is not None or not any(
            name in self._probe.container for name in _NO_COUNT
        )

    def _counted_out(self, position: int) -> bool:
        """Return whether a container that counts its frames by two accounts was given in full."""
        return self._probe.container == "avi" and position == self._probe.frame_count


class MarkedPackets:
    """The packets of a clip that its container marks as damaged: those of them that decode strictly without a fault.

    A transport stream marks the last packet before every place where recordings were joined, though it is whole. Such
    a clip is decoded once more, strictly and on one thread, when the first mark is met. In other containers a mark
    says that a packet is cut short: none of those is whole.

    Attributes:
        sound: their numbers, so far as anybody asked.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.sound: frozenset[int] = frozenset()
        self._asked = False

    def is_sound(self, number: int) -> bool:
        """Return whether a marked packet gives its frame without a fault."""
        if not self._asked and self._probe.container == "mpegts":
            self.sound = self._found()
        self._asked = True
        return number in self.sound

    def _found(self) -> frozenset[int]:
        marked, given, faulty = set[int](), set[int](), set[int]()
        with open_container(self._probe.path, self._probe.ignores_edits) as container:
            stream = video_stream(container)
            number_packets(stream)
            stream.thread_type, stream.codec_context.thread_count = "SLICE", 1
            stream.codec_context.options = decoder_options(FAULTS_TOLD)
            number = 0
            # What lies behind a place where reading stops is not told of.
            with contextlib.suppress(av.error.FFmpegError):
                for packet in demuxed(container, stream):
                    if packet.is_corrupt:
                        marked.add(number)
                    packet.opaque = number
                    try:
                        for frame in stream.decode(packet if packet.size else None):
                            if isinstance(frame.opaque, int):
                                (faulty if frame.is_corrupt else given).add(frame.opaque)
                    except av.error.FFmpegError:
                        faulty.add(number)
                    number += bool(packet.size)
        return frozenset((marked & given) - faulty)


def decode_events(
    probe: Probe,
    threads: int,
    options: dict[str, str] | None = None,
    skip: int = 0,
    marked: MarkedPackets | None = None,
) -> Generator[av.VideoFrame | str, None, None]:
    """Decode a clip from its start, yielding frames in display order and, as text, each fault where it is met.

    Args:
        probe: the clip.
        threads: decoding threads.
        options: of the decoder.
        skip: this many first frames, and the faults among them, are not yielded.
        marked: tells which packets are whole though their container marks them as damaged; None for none of them.
    """
    frames = sent = faults = 0
    with open_container(probe.path, probe.ignores_edits) as container:
        stream = video_stream(container)
        number_packets(stream)
        stream.thread_type = "AUTO" if threads > 1 else "SLICE"
        stream.codec_context.thread_count = threads
        stream.codec_context.options = decoder_options(options or {})
        for packet in _packets(container, stream, marked, probe.ignores_edits):
            decoded: list[av.VideoFrame] = []
            fault: str | None = None
            if isinstance(packet, str):
                fault = packet
            else:
                sent += packet is not None and not packet.is_discard
                try:
                    decoded = stream.decode(packet)
                except av.error.FFmpegError as error:
                    faults += 1
                    fault = f"a packet cannot be decoded ({fault_of(error)})"
                waiting_lost = frames + len(decoded) + faults < sent and (faults or probe.matched)
                if packet is None and threads > 1 and waiting_lost:
                    break
            if fault is not None and frames >= skip:
                yield fault
            for frame in decoded:
                frames += 1
                if frames > skip:
                    yield frame
        else:
            return
    # Several threads hand over the last frames together, and an error among them loses those behind it without a word.
    # One thread has none waiting, so the rest is read once more that way.
    yield from decode_events(probe, 1, options, frames, marked)


def _packets(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    marked: MarkedPackets | None,
    reveals: bool,
) -> Iterator[av.Packet[av.VideoStream] | str | None]:
    """Yield the packets to decode, a text for each that is damaged, and at last None: hand over what is left."""
    number = 0
    try:
        for packet in demuxed(container, stream):
            if packet.is_corrupt and not (marked is not None and marked.is_sound(number)):
                yield "the container marks a packet as damaged"
            elif packet.size:
                sent = revealed(packet) if reveals else packet
                sent.opaque = number
                yield sent
            number += bool(packet.size)
    except av.error.FFmpegError as error:
        yield f"reading stopped early ({error.strerror})"
    yield None
