"""Frames of a video, sampled evenly over each of its utterances.

The utterances are looked at together, in order of time, so that no part is decoded twice. What goes wrong is a
`RowError` whose reason starts with ``video unreadable``, ``video has no frames``, ``video span is empty`` or
``video too large``.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import IO

import numpy as np
from av.video.frame import VideoFrame

from emotionscope.errors import RowError
from emotionscope.video import clock
from emotionscope.video.display import Shown
from emotionscope.video.stretch import Skip, Stretch

RATE = 2.0  # frames a second of the utterance
FEWEST = 4  # frames of a short utterance, where it has as many
MOST = 24  # frames of a long one
STILL = 2.0  # seconds for which a frame counts that stands longer
APART = 60.0  # seconds between two spans from which on what lies between them is not read
TOGETHER = 8  # spans that overlap and are sampled at once; each holds its frames

EMPTY = "video span is empty: no frame in it"

Span = tuple[float | None, float | None]  # start and end in seconds; None: either end of the video


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
    for _, frames in sample_spans(stream, [(start, end)]):
        if isinstance(frames, RowError):
            raise frames
        yield from frames


def sample_spans(stream: IO[bytes], spans: Sequence[Span]) -> Iterator[tuple[int, Iterator[Frame] | RowError]]:
    """The frames that `sample_frames` gives for each span, or the error it raises, with the span's number.

    They come about in order of time. Use up the frames of one span before the next: then at most `TOGETHER` times
    `MOST` frames are in memory.
    """
    valid: list[int] = []
    for number, (start, end) in enumerate(spans):
        if end is not None and end <= max(start or 0.0, 0.0):
            yield number, RowError(f"video span is empty: from {start or 0:g} to {end:g} s")
        else:
            valid.append(number)
    for numbers in _split(spans, valid):
        yield from _sample_stretch(stream, {number: spans[number] for number in numbers})


def _split(spans: Sequence[Span], numbers: list[int]) -> list[list[int]]:
    """The spans' numbers in order of time, divided where nothing is wanted for `APART` seconds."""
    parts: list[list[int]] = []
    reached = -np.inf
    for number in sorted(numbers, key=lambda number: spans[number][0] or 0.0):
        start, end = spans[number]
        if not parts or (start or 0.0) > reached + APART:
            parts.append([])
        parts[-1].append(number)
        reached = max(reached, np.inf if end is None else end)
    return parts


def _sample_stretch(stream: IO[bytes], spans: dict[int, Span]) -> Iterator[tuple[int, Iterator[Frame] | RowError]]:
    starts, ends = ([span[side] for span in spans.values()] for side in (0, 1))
    start = None if None in starts else min(each for each in starts if each is not None)
    end = None if None in ends else max(each for each in ends if each is not None)
    left, alone = dict(spans), {}
    try:
        with closing(Stretch(stream, start, end)) as stretch:
            samplers = []
            for number, span in spans.items():
                try:
                    samplers.append(_Sampler(number, span, stretch))
                except RowError as error:
                    if stretch.seekable and len(spans) > 1:
                        alone[number] = left.pop(number)  # damage before it may have ended the stretch
                    else:
                        del left[number]
                        yield number, error
            for sampler in _sample(stretch, samplers):
                del left[sampler.number]
                yield sampler.number, sampler.frames()
    except RowError as error:
        for number in left:
            yield number, error
        left = {}
    for number in left:
        yield number, RowError("video has no frames: none of them decodes")
    for number, span in alone.items():
        yield from _sample_stretch(stream, {number: span})


def _sample(stretch: Stretch, samplers: "list[_Sampler]") -> "Iterator[_Sampler]":
    """Decode with as many frames left out as each span allows; yields samplers that have their frames."""
    ways: tuple[Skip, ...] = "NONKEY", "NONREF", "DEFAULT"
    for way in ways:
        again = []
        for layer in _layers([sampler for sampler in samplers if way in sampler.ways]):
            for sampler in _decode(stretch, layer, way):
                if sampler.chosen and (sampler.has_enough() or way == "DEFAULT"):
                    samplers.remove(sampler)
                    yield sampler
                else:
                    again.append(sampler)
        for sampler in again:
            sampler.restart()


def _layers(samplers: "list[_Sampler]") -> "list[list[_Sampler]]":
    """Samplers in groups of which no more than `TOGETHER` overlap at any time."""
    layers: list[list[_Sampler]] = []
    for sampler in sorted(samplers, key=lambda sampler: sampler.low):
        for layer in layers:
            if sum(other.high > sampler.low for other in layer) < TOGETHER:
                layer.append(sampler)
                break
        else:
            layers.append([sampler])
    return layers


def _decode(stretch: Stretch, samplers: "list[_Sampler]", way: Skip) -> "Iterator[_Sampler]":
    """One pass over the windows of samplers in order of time; yields each when its window is over."""
    waiting, active = list(samplers), list[_Sampler]()
    for time, frame in stretch.decode([(sampler.low, sampler.high) for sampler in samplers], way):
        while waiting and waiting[0].low <= time:
            active.append(waiting.pop(0))
        for sampler in [sampler for sampler in active if sampler.is_over(time)]:
            active.remove(sampler)
            yield sampler.finish()
        for sampler in active:
            if sampler.low <= time:
                sampler.take(time, frame)
        if not waiting and not active:
            return
    for sampler in [*active, *waiting]:
        yield sampler.finish()


class _Sampler:
    """Chooses one frame from each cell of an even division of a span. Raises RowError where it has no frame."""

    def __init__(self, number: int, span: Span, stretch: Stretch) -> None:
        self.number, self._aspect, self._width = number, stretch.aspect, stretch.width
        start, end = span
        self.low = -np.inf if start is None else stretch.zero + max(start, 0.0)
        self.high = np.inf if end is None else stretch.zero + end
        self._zero = self.low if np.isfinite(self.low) else stretch.zero
        inside = stretch.inside(self.low, self.high)
        if not len(inside):  # a player shows the frame before until the next one comes
            self.low = stretch.standing(self.low)
            inside = stretch.inside(self.low, self.high)
        if not len(inside):
            raise RowError("video has no frames: its track is empty" if span == (None, None) else EMPTY)
        times, keys = stretch.times[inside], stretch.keys[inside]
        ordered, even = clock.place(times, STILL)
        first = even[0]
        length = (even[-1] - first) * len(times) / max(len(times) - 1, 1)
        count = min(max(round(RATE * length), FEWEST), MOST, len(times))
        edges = first + length / count * np.arange(count)  # where the cells start
        middles = edges + length / count / 2
        if even is not ordered:
            edges, middles = np.interp(edges, even, ordered), np.interp(middles, even, ordered)
        self._edges, self._middles = edges, middles
        self._cells, key_cells = (len(np.unique(np.searchsorted(edges, t, "right"))) for t in (times, times[keys]))
        # Frames that no other needs are cheap to leave out, as long as (nearly) every cell still has one.
        self.ways: list[Skip] = ["DEFAULT"]
        if len(times) > 2 * count:
            self.ways = ["NONKEY", "NONREF", "DEFAULT"] if key_cells == self._cells else ["NONREF", "DEFAULT"]
        self.restart()

    def restart(self) -> None:
        """Forget what was chosen."""
        self.chosen: list[tuple[float, Shown]] = []
        self._held: tuple[float, VideoFrame] | None = None
        self._cell = -1

    def take(self, time: float, frame: VideoFrame) -> None:
        """Look at the next frame: of each cell the last one of its first half is chosen, else the one after."""
        cell = max(int(np.searchsorted(self._edges, time, "right")) - 1, 0)
        if self._held is None or cell > self._cell:
            self._choose()
            self._cell, self._held = cell, (time, frame)
        elif time <= self._middles[cell]:
            self._held = time, frame

    def is_over(self, time: float) -> bool:
        """Whether no frame from this time on can be chosen."""
        last = self._cell == len(self._edges) - 1
        return time >= self.high or bool(last and self._held and time > self._middles[-1])

    def finish(self) -> "_Sampler":
        """Choose the frame that is held."""
        self._choose()
        self._held = None
        return self

    def _choose(self) -> None:
        if self._held:
            time, frame = self._held
            self.chosen.append((max(float(time - self._zero), 0.0), Shown.of(frame, self._aspect, self._width)))

    def has_enough(self) -> bool:
        """Whether (nearly) every cell that has frames has one that decodes."""
        return 4 * len(self.chosen) >= 3 * self._cells

    def frames(self) -> Iterator[Frame]:
        """The chosen frames, each of which is then forgotten."""
        while self.chosen:
            time, shown = self.chosen.pop(0)
            yield Frame(time, shown.image(), shown.scale)
