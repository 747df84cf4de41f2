"""The time of each packet of a track, whatever its time stamps do.

Recordings that were joined, cut or received badly have stamps that jump. A player goes on with the next frame: here too
a jump is closed, and all that follows is shifted by it.
"""

from dataclasses import dataclass

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

BACK = 0.5  # seconds that stamps may go back, as guessed decoding times do
GAP, JOINED_GAP = 1e4, 10.0  # seconds without a frame; JOINED_GAP in formats whose stamps may jump
REORDERED = 10.0  # seconds between decoding and showing a frame; more is a damaged stamp
REORDERING = 16  # frames by which decoding order may run ahead of time (H.264, H.265)
LONGEST_STEP = 1.0  # seconds


@dataclass
class Clock:
    """Takes the jumps out of the time stamps of a track's packets, which come in decoding order.

    ``step`` is the time from frame to frame, ``gap`` the longest time between two that is believed; both in seconds.
    """

    step: float
    gap: float
    _shift: float = 0.0
    _last: float | None = None
    _shown: bool = False  # whether the last stamp was when a frame is shown, for want of when it is decoded

    def correct(self, packet: "Packet[VideoStream]") -> None:
        """Shift the stamps of the next packet by the jumps so far; a packet without stamps keeps none."""
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return
        base = float(packet.time_base)
        time = stamp * base + self._shift
        mixed, self._shown = self._shown or packet.dts is None, packet.dts is None
        longest = self.step
        if self._last is not None:
            passed = time - self._last
            if not -(REORDERED if mixed else BACK) <= passed <= self.gap:
                self._shift += self.step - passed
                time = self._last + self.step
            elif 0 < passed <= LONGEST_STEP:
                self.step = passed
            longest = max(longest, passed)
            time = time if mixed else max(time, self._last)
        self._last = time
        ticks = round(self._shift / base)
        if ticks and packet.dts is not None:
            packet.dts += ticks
        if ticks and packet.pts is not None:
            packet.pts += ticks
        if packet.pts is None or packet.dts is None:
            return
        # A slide may stand longer than any delay of a film's frames.
        if abs(packet.pts - packet.dts) * base > max(REORDERED, REORDERING * longest if longest <= self.gap else 0):
            packet.pts = packet.dts


def is_stamped(times: np.ndarray) -> bool:
    """Whether frames' times, in seconds, tell most frames apart; if not, only their number and the rate can."""
    return 2 * len(np.unique(times[np.isfinite(times)])) > len(times)


def place(times: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Sorted times of frames, and the same with each gap between two cut to `longest` seconds."""
    ordered = np.sort(times)
    gaps = np.diff(ordered)
    if (gaps <= longest).all():
        return ordered, ordered
    return ordered, ordered[0] + np.concatenate([[0.0], np.cumsum(np.minimum(gaps, longest))])
