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

from emotionscope.errors import RowError
from emotionscope.video.faces import FaceSettings, Span
from emotionscope.video.sampler import Frame, NewWatcher, Sampler, Watcher, samplers_of
from emotionscope.video.stretch import Skip, Stretch

APART = 60.0  # seconds between two spans from which on what lies between them is not read
TOGETHER = 8  # spans that overlap and are sampled at once; each holds its frames


@dataclass(frozen=True)
class Part:
    """A part of a span, `start` seconds after the span's own start: its frames in order of time, and its watcher."""

    start: float
    frames: Iterator[Frame]
    watcher: Watcher | None


def sample_frames(
    stream: IO[bytes], start: float | None = None, end: float | None = None, fps: float = FaceSettings.fps
) -> Iterator[Frame]:
    """Frames spread evenly over the seconds `start` to `end` of a video (None: to either end).

    There are `fps` a second, but at least `FEWEST` where the span has as many, and at most `MOST`; no more than `PART`
    are in memory at any time. Of a file that is cut short, the frames that decode are returned. `stream` is seekable
    and stays open. Raises RowError, at the first frame.
    """
    for _, frames in sample_spans(stream, [(start, end)], fps):
        if isinstance(frames, RowError):
            raise frames
        yield from frames.frames


def sample_spans(
    stream: IO[bytes], spans: Sequence[Span], fps: float = FaceSettings.fps, watch: NewWatcher | None = None
) -> Iterator[tuple[int, Part | RowError]]:
    """The frames that `sample_frames` gives for each span, or the error it raises, with the span's number.

    A long span comes in several parts. They come about in order of time. Use up the frames of one part before the next:
    then at most `TOGETHER` times `PART` frames are in memory. With `watch`, every frame of each part is shown to a
    watcher of its own.
    """
    valid: list[int] = []
    for number, (start, end) in enumerate(spans):
        if end is not None and end <= max(start or 0.0, 0.0):
            yield number, RowError(f"video span is empty: from {start or 0:g} to {end:g} s")
        else:
            valid.append(number)
    for numbers in _split(spans, valid):
        yield from _sample_stretch(stream, {number: spans[number] for number in numbers}, fps, watch)


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


def _sample_stretch(
    stream: IO[bytes], spans: dict[int, Span], fps: float, watch: NewWatcher | None
) -> Iterator[tuple[int, Part | RowError]]:
    starts, ends = ([span[side] for span in spans.values()] for side in (0, 1))
    start = None if None in starts else min(each for each in starts if each is not None)
    end = None if None in ends else max(each for each in ends if each is not None)
    left, alone = dict(spans), {}
    try:
        with closing(Stretch(stream, start, end)) as stretch:
            samplers: list[Sampler] = []
            for number, span in spans.items():
                try:
                    samplers += samplers_of(number, span, stretch, fps, watch)
                except RowError as error:
                    if stretch.seekable and len(spans) > 1:
                        alone[number] = left.pop(number)  # damage before it may have ended the stretch
                    else:
                        del left[number]
                        yield number, error
            for sampler in _sample(stretch, samplers):
                left.pop(sampler.number, None)
                yield sampler.number, Part(sampler.start, sampler.frames(), sampler.watcher)
    except RowError as error:
        for number in left:
            yield number, error
        left = {}
    for number in left:
        yield number, RowError("video has no frames: none of them decodes")
    for number, span in alone.items():
        yield from _sample_stretch(stream, {number: span}, fps, watch)


def _sample(stretch: Stretch, samplers: list[Sampler]) -> Iterator[Sampler]:
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


def _layers(samplers: list[Sampler]) -> list[list[Sampler]]:
    """Samplers in groups of which no more than `TOGETHER` overlap at any time."""
    layers: list[list[Sampler]] = []
    for sampler in sorted(samplers, key=lambda sampler: sampler.low):
        for layer in layers:
            if sum(other.high > sampler.low for other in layer) < TOGETHER:
                layer.append(sampler)
                break
        else:
            layers.append([sampler])
    return layers


def _decode(stretch: Stretch, samplers: list[Sampler], way: Skip) -> Iterator[Sampler]:
    """One pass over the windows of samplers in order of time; yields each when its window is over."""
    waiting, active = list(samplers), list[Sampler]()
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
