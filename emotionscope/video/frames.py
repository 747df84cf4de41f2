"""Frames of a video, sampled evenly over an utterance: open, seek, decode only what is needed.

What goes wrong is a `RowError` whose reason starts with ``video unreadable``, ``video has no frames``, ``video span is
empty`` or ``video too large``.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotionscope.errors import RowError
from emotionscope.video import clock
from emotionscope.video.container import frame_rate, jumps, main_track, open_container, row_errors, start_of
from emotionscope.video.display import Shown

RATE = 2.0  # frames a second of the utterance
FEWEST = 4  # frames of a short utterance, where it has as many
MOST = 24  # frames of a long one
STILL = 2.0  # seconds for which a frame counts that stands longer

INDEXED = "mov"  # demuxers that know where every frame lies, and so can go back to the first exactly
REORDERING = 16  # frames by which decoding order may run ahead of time (H.264, H.265)

Skip = Literal["DEFAULT", "NONREF", "NONKEY"]


@dataclass(frozen=True)
class Frame:
    """One frame as a player shows it.

    ``time`` is in seconds from the start of the span; ``image`` is uint8 BGR [height, width, 3];
    ``scale`` is the number of pixels as shown to one of the image (1 unless the frame was shrunk).
    """

    time: float
    image: np.ndarray
    scale: float


def sample_frames(stream: IO[bytes], start: float | None = None, end: float | None = None) -> Iterator[Frame]:
    """Frames spread evenly over the seconds `start` to `end` of a video (None: to either end), in order of time.

    There are `RATE` a second, but at least `FEWEST` where the span has as many, and at most `MOST`; no more
    than these are in memory at any time. Of a file that is cut short, the frames that decode are returned.
    `stream` is seekable and stays open. Raises RowError, at the first frame.
    """
    if end is not None and end <= max(start or 0.0, 0.0):
        raise RowError(f"video span is empty: from {start or 0:g} to {end:g} s")
    with closing(_Span(stream, start, end)) as span:
        chosen = _choose(span)
    while chosen:
        time, shown = chosen.pop(0)
        yield Frame(time, shown.image(), shown.scale)


class _Span:
    """The part of a video's main track between two times."""

    def __init__(self, stream: IO[bytes], start: float | None, end: float | None) -> None:
        self._stream = stream
        self._kept: InputContainer | None = None
        self._rate: float | None = None  # of frames that have no usable time stamps
        self._first = 0  # number of the packet to decode first
        with self._open() as (container, track):
            self.aspect = track.sample_aspect_ratio
            # Times in a file need not start at zero; a user's do.
            self._zero = start_of(container, track)
            self.low = -np.inf if start is None else self._zero + max(start, 0.0)
            self.high = np.inf if end is None else self._zero + end
            # What lies before a jump can only be known by reading it.
            self._seek_time = None if jumps(container) else self._find_key(container, track)

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The container and its main track; whatever libav raises becomes a RowError."""
        with row_errors(), self._container() as container:
            yield container, main_track(container)

    @contextmanager
    def _container(self) -> Iterator[InputContainer]:
        """The file from its start; opening it takes as long as decoding several frames, so once will do if it may."""
        if self._kept:
            self._kept.seek(self._kept.start_time or 0)
            yield self._kept
            return
        container = open_container(self._stream)
        if INDEXED in container.format.name.split(","):
            self._kept = container
            yield container
        else:
            with container:
                yield container

    def close(self) -> None:
        """Close the container, if it was kept open; the stream stays open."""
        if self._kept:
            self._kept.close()

    def _find_key(self, container: InputContainer, track: VideoStream) -> float | None:
        """The time to seek to, to land on a key frame that is not after the span's start; None for the file's start.

        The span's start itself will do in a container with an index; others are searched by byte position.
        """
        for back in (0, 10) if np.isfinite(self.low) else ():
            try:
                _seek(container, track, self.low - back)
                packets = container.demux(track)
                key = next(packet for packet in packets if packet.is_keyframe and packet.pts is not None)
            except (av.FFmpegError, StopIteration):
                return None
            if float((key.pts or 0) * key.time_base) <= self.low:
                return self.low - back
        return None

    def _packets(self, skip: Skip = "DEFAULT") -> Iterator[tuple[Any, float]]:
        """The packets up to the end of the span, with their times; the last one is empty and flushes the decoder."""
        with self._open() as (container, track):
            track.codec_context.skip_frame = skip
            if self._seek_time is not None:
                _seek(container, track, self._seek_time)
            times = clock.Clock(1 / frame_rate(track), clock.JOINED_GAP if jumps(container) else clock.GAP)
            time, late = -np.inf, 0
            packets = container.demux(track)
            while True:
                try:
                    packet = next(packets)
                except (av.InvalidDataError, av.EOFError, StopIteration):  # the file's end, or where it is cut short
                    return
                times.correct(packet)
                stamp = packet.dts if packet.pts is None else packet.pts
                time = time if stamp is None else float(stamp * packet.time_base)
                yield packet, time
                late = late + 1 if time >= self.high and self._rate is None else 0
                if late > REORDERING:
                    return

    def index(self) -> tuple[np.ndarray, np.ndarray]:
        """The times of the span's frames in seconds, and which are key frames, read without decoding."""
        # Packets to discard lie outside the part of the file that its edit list shows.
        read = [
            (number, time, packet.is_keyframe)
            for number, (packet, time) in enumerate(self._packets())
            if packet.size and not packet.is_discard
        ]
        times, keys = np.array([time for _, time, _ in read]), np.array([key for *_, key in read], bool)
        if not clock.is_stamped(times):
            return self._count(len(times))
        if self._seek_time is None:
            self._first = max((number for number, time, key in read if key and time <= self.low), default=0)
        inside = (times >= self.low) & (times < self.high)
        return times[inside], keys[inside]

    def _count(self, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """The index of a span of a track whose frames can only be counted."""
        with self._open() as (_, track):
            self._rate = frame_rate(track)
        if self._seek_time is not None:  # read from the start, to count from there
            self._seek_time = None
            frames = sum(bool(packet.size) and not packet.is_discard for packet, _ in self._packets())
        times = self._zero + np.arange(frames) / self._rate
        times = times[(times >= self.low) & (times < self.high)]
        return times, np.zeros(len(times), bool)

    def decode(self, skip: Skip) -> Iterator[tuple[float, VideoFrame]]:
        """The span's frames that decode, with their times; `skip` is libavcodec's level of frames to leave out."""
        count = 0
        for number, (packet, packet_time) in enumerate(self._packets("DEFAULT" if self._rate else skip)):
            if number < self._first:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:  # the next may decode
                continue
            for frame in frames:
                time = packet_time if frame.time is None else frame.time
                if self._rate:
                    time = self._zero + count / self._rate
                    count += 1
                if self.low <= time < self.high:
                    yield time, frame


def _seek(container: InputContainer, track: VideoStream, time: float) -> None:
    container.seek(max(int(time / (track.time_base or 1)), track.start_time or 0), stream=track)


def _choose(span: _Span) -> list[tuple[float, Shown]]:
    """One frame from each cell of an even division of the span, with its time in it."""
    times, keys = span.index()
    if not len(times):
        whole = not np.isfinite(span.low) and not np.isfinite(span.high)
        raise RowError("video has no frames: its track is empty" if whole else "video span is empty: no frame in it")
    ordered, even = clock.place(times, STILL)
    first = even[0]
    length = (even[-1] - first) * len(times) / max(len(times) - 1, 1)
    count = min(max(round(RATE * length), FEWEST), MOST, len(times))
    edges = first + length / count * np.arange(count)  # where the cells start
    middles = edges + length / count / 2
    if even is not ordered:
        edges, middles = np.interp(edges, even, ordered), np.interp(middles, even, ordered)
    cells, key_cells = (len(np.unique(np.searchsorted(edges, t, "right"))) for t in (times, times[keys]))

    # Frames that no other needs are cheap to leave out, as long as (nearly) every cell still has one.
    ways: list[Skip] = ["DEFAULT"]
    if len(times) > 2 * count:
        ways = ["NONKEY", "NONREF", "DEFAULT"] if key_cells == cells else ["NONREF", "DEFAULT"]
    zero = span.low if np.isfinite(span.low) else first
    chosen: list[tuple[float, Shown]] = []
    for way in ways:
        frames = _one_per_cell(span.decode(way), edges, middles)
        chosen = [(max(float(time - zero), 0.0), Shown.of(frame, span.aspect)) for time, frame in frames]
        if 4 * len(chosen) >= 3 * cells:
            break
    if not chosen:
        raise RowError("video has no frames: none of them decodes")
    return chosen


def _one_per_cell(
    frames: Iterator[tuple[float, VideoFrame]], edges: np.ndarray, middles: np.ndarray
) -> Iterator[tuple[float, VideoFrame]]:
    """Of each cell, from its edge on, the last frame of its first half, else the next one."""
    current, held = -1, None
    for time, frame in frames:
        cell = max(int(np.searchsorted(edges, time, "right")) - 1, 0)
        if held is None or cell > current:
            if held is not None:
                yield held
            current, held = cell, (time, frame)
        elif time <= middles[cell]:
            held = time, frame
        elif cell == len(edges) - 1:
            break
    if held is not None:
        yield held
