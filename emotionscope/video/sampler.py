"""Which frames of a span are looked at: one from each cell of an even division."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from av.video.frame import VideoFrame

from emotionscope.errors import RowError
from emotionscope.video import clock
from emotionscope.video.display import Shown
from emotionscope.video.faces import Span
from emotionscope.video.stretch import Skip, Stretch

FEWEST = 4  # frames of a short utterance, where it has as many
MOST = 2400  # frames of a long one, 20 minutes at two a second; a longer one is looked at less often
PART, PART_SECONDS, LARGEST_PART = 24, 12.0, 96  # frames of a long utterance that are looked at together
STILL = 2.0  # seconds for which a frame counts that stands longer

EMPTY = "video span is empty: no frame in it"


@dataclass(frozen=True)
class Frame:
    """One frame as a player shows it.

    ``time`` is in seconds from the start of the span; ``image`` is uint8 BGR [height, width, 3];
    ``scale`` is the number of pixels as shown to one of the image (1 unless the frame was shrunk).
    """

    time: float
    image: np.ndarray
    scale: float


class Watcher(Protocol):
    """Looks at every frame of a part of a span, in order of time."""

    def take(self, time: float, shown: Shown) -> None:
        """Look at the next frame, which is shown from `time` seconds of the span on."""


# Makes the watcher of a part of a span, if it has one: from the span's number.
NewWatcher = Callable[[int], Watcher | None]


def samplers_of(
    number: int, span: Span, stretch: Stretch, fps: float, watch: NewWatcher | None = None
) -> "Iterator[Sampler]":
    """A sampler for each part of a span, which is divided evenly. Raises RowError where it has no frame."""
    start, end = span
    low = -np.inf if start is None else stretch.zero + max(start, 0.0)
    high = np.inf if end is None else stretch.zero + end
    zero = low if np.isfinite(low) else stretch.zero
    inside = stretch.inside(low, high)
    if not len(inside):  # a player shows the frame before until the next one comes
        low = stretch.standing(low)
        inside = stretch.inside(low, high)
    if not len(inside):
        raise RowError("video has no frames: its track is empty" if span == (None, None) else EMPTY)
    times, keys = stretch.times[inside], stretch.keys[inside]
    ordered, even = clock.place(times, STILL)
    first = even[0]
    length = (even[-1] - first) * len(times) / max(len(times) - 1, 1)
    count = min(max(round(fps * length), FEWEST), MOST, len(times))
    edges = first + length / count * np.arange(count)  # where the cells start
    middles = edges + length / count / 2
    if even is not ordered:
        edges, middles = np.interp(edges, even, ordered), np.interp(middles, even, ordered)
    cells = int(np.clip(round(PART_SECONDS * fps), PART, LARGEST_PART))
    for part, (begin, stop) in enumerate(itertools.pairwise([low, *edges[cells::cells].tolist(), high])):
        own = slice(part * cells, (part + 1) * cells)
        there = (times >= begin) & (times < stop)
        sampler = Sampler(number, (begin, stop), zero, edges[own], middles[own], stretch, watch and watch(number))
        sampler.choose_ways(times[there], keys[there])
        yield sampler


class Sampler:
    """Chooses one frame from each cell of an even division of a part of a span.

    `edges` and `middles` are where the cells start and their middles, in seconds of the file, and `zero` is where the
    span starts.
    """

    def __init__(
        self,
        number: int,
        window: tuple[float, float],
        zero: float,
        edges: np.ndarray,
        middles: np.ndarray,
        stretch: Stretch,
        watcher: Watcher | None,
    ) -> None:
        self.number, self.watcher = number, watcher
        self._aspect, self._width = stretch.aspect, stretch.width
        self.low, self.high = window
        self._edges, self._middles, self._zero = edges, middles, zero
        self.start = max(float(edges[0] - zero), 0.0)
        self.restart()

    def choose_ways(self, times: np.ndarray, keys: np.ndarray) -> None:
        """Which frames may be left out, given the times of all and which of them are key frames."""
        self._cells, key_cells = (
            len(np.unique(np.searchsorted(self._edges, t, "right"))) for t in (times, times[keys])
        )
        # Frames that no other needs are cheap to leave out, as long as (nearly) every cell still has one.
        self.ways: list[Skip] = ["DEFAULT"]
        if len(times) > 2 * len(self._edges) and not self.watcher:
            self.ways = ["NONKEY", "NONREF", "DEFAULT"] if key_cells == self._cells else ["NONREF", "DEFAULT"]

    def restart(self) -> None:
        """Forget what was chosen."""
        self.chosen: list[tuple[float, Shown]] = []
        self._held: tuple[float, VideoFrame] | None = None
        self._cell = -1

    def take(self, time: float, frame: VideoFrame) -> None:
        """Look at the next frame: of each cell the last one of its first half is chosen, else the one after."""
        if self.watcher:
            self.watcher.take(float(time - self._zero), Shown.of(frame, self._aspect, self._width))
        cell = max(int(np.searchsorted(self._edges, time, "right")) - 1, 0)
        if self._held is None or cell > self._cell:
            self._choose()
            self._cell, self._held = cell, (time, frame)
        elif time <= self._middles[cell]:
            self._held = time, frame

    def is_over(self, time: float) -> bool:
        """Whether no frame from this time on can be chosen."""
        last = self._cell == len(self._edges) - 1
        chosen = bool(last and self._held and time > self._middles[-1])
        return time >= self.high or (chosen and not self.watcher)

    def finish(self) -> "Sampler":
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
