"""Faces followed through every frame of a span, as the network needs them that hears and sees who speaks.

Faces are looked for five times a second. Between, a face is where the line from one place to the next leads.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from emotionscope.speaking.crops import RATE, crop
from emotionscope.video import tracking
from emotionscope.video.detection import Detector
from emotionscope.video.display import Grey, Shown

EVERY = 5  # pictures from one in which faces are looked for to the next
PATIENCE = 2  # times that a face may not be found before its track ends
OVERLAP = 0.3  # of two boxes from which on they are one face's (intersection over union)
SHORTEST = 9  # pictures of a track: a third of a second
SIDE_LOOKED_AT = 640  # pixels to which a picture is shrunk before faces are looked for
LONGEST = 600.0  # seconds of a span that are watched


@dataclass(eq=False)
class OpenTrack:
    """One face in successive pictures, `RATE` a second, from `start` on, which counts pictures from the span's start.

    ``boxes`` are left, top, width, height in pixels, float32 [4] each, ``crops`` grey, uint8 [side, side] each.
    """

    start: int
    boxes: list[np.ndarray] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The number of the track's last picture."""
        return self.start + len(self.boxes) - 1


class FaceWatcher:
    """Follows the faces of a part of a span, whose frames it takes in order; `finish` gives their tracks.

    `scale` is the number of the video's pixels to one of the tracks' boxes.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.scale = 1.0
        self._recent: deque[Grey] = deque(maxlen=EVERY * PATIENCE)  # pictures, that of `slot` at the end
        self._slot = -1
        self._next_look = 0
        self._layout: np.ndarray | None = None
        self._open: list[OpenTrack] = []
        self._closed: list[OpenTrack] = []
        self._failure: Exception | None = None

    def take(self, time: float, shown: Shown) -> None:
        """Look at the frame that is shown from `time` seconds of the span on. What goes wrong, `finish` raises."""
        if self._failure is None:
            try:
                self._watch(time, shown)
            except MemoryError:  # the process has none left
                raise
            except Exception as unexpected:  # one utterance must not end the others of the video
                self._failure = unexpected

    def _watch(self, time: float, shown: Shown) -> None:
        slot = round(time * RATE)
        if slot <= self._slot or time > LONGEST:
            return
        if self._slot < 0 or slot - self._slot > EVERY * PATIENCE:  # a picture that stands that long shows no speech
            self._end_all()
            self._next_look = slot
        else:
            for _ in range(self._slot + 1, slot):
                self._recent.append(self._recent[-1])
        self._slot, self.scale = slot, shown.scale
        self._recent.append(shown.grey())
        if slot >= self._next_look:
            self._look(shown)
            self._next_look = slot + EVERY

    def finish(self) -> list[OpenTrack]:
        """The tracks that are long enough, in order of their start."""
        if self._failure:
            raise self._failure
        self._end_all()
        return sorted((track for track in self._closed if len(track.boxes) >= SHORTEST), key=lambda track: track.start)

    def _end_all(self) -> None:
        self._closed += self._open
        self._open = []

    def _look(self, shown: Shown) -> None:
        """Find the faces of the newest picture and let each continue a track or begin one."""
        small = shown.shrunk(SIDE_LOOKED_AT)
        image = small.image()
        layout = tracking.layout(image)
        if self._layout is not None and tracking.is_cut(self._layout, layout):
            self._end_all()
        self._layout = layout
        lost = [track for track in self._open if self._slot - track.end > len(self._recent)]
        self._closed += lost
        self._open = [track for track in self._open if track not in lost]
        found = [
            small.scale / shown.scale * np.array([f.x, f.y, f.width, f.height], np.float32)
            for f in self._detector.detect(image)
        ]
        overlaps = np.array([[overlap(track.boxes[-1], box) for box in found] for track in self._open])
        costs = np.where(overlaps >= OVERLAP, 1 - overlaps, tracking.FORBIDDEN).reshape(len(self._open), len(found))
        taken = dict(tracking.cheapest_pairs(costs))
        for number, place in taken.items():
            self._continue(self._open[number], found[place])
        for number in set(range(len(found))) - set(taken.values()):
            track = OpenTrack(self._slot)
            self._add(track, found[number], self._recent[-1])
            self._open.append(track)

    def _continue(self, track: OpenTrack, box: np.ndarray) -> None:
        """Follow a face from where it was last found to where it is now."""
        last, before = track.end, track.boxes[-1]
        for slot in range(last + 1, self._slot + 1):
            between = before + (box - before) * (slot - last) / (self._slot - last)
            self._add(track, between.astype(np.float32), self._recent[slot - self._slot - 1])

    def _add(self, track: OpenTrack, box: np.ndarray, grey: Grey) -> None:
        track.boxes.append(box)
        track.crops.append(crop(grey.pixels, tuple(box.tolist()), limited=grey.limited))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(float(np.prod(one[2:]) + np.prod(other[2:])) - shared, 1e-6)
