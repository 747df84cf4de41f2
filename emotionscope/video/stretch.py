"""A stretch of a video's main track: its packets are read in order, and of them only what is needed is decoded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Literal

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotionscope.video import clock
from emotionscope.video.clock import REORDERING
from emotionscope.video.container import frame_rate, jumps, main_track, open_container, row_errors, start_of

LARGE = 480  # lines of a picture from which on it is decoded without the smoothing of blocks' edges, but for key frames
INDEXED = "mov"  # demuxers that know where every frame lies, and so can go back to the first exactly

Skip = Literal["DEFAULT", "NONREF", "NONKEY"]


class Stretch:
    """The part of a video's main track from `start` to `end`, in seconds of a player's clock; None: to either end.

    ``times`` (seconds of the file, float64 [packets]), ``keys`` and ``shown`` (bool [packets]) describe its packets in
    decoding order: their times, whether they are key frames, and whether a player shows them. ``zero`` is the time in
    the file at which a player's clock shows zero, ``aspect`` the width of a pixel to its height. Raises RowError.
    """

    def __init__(self, stream: IO[bytes], start: float | None, end: float | None) -> None:
        self._stream = stream
        self._kept: InputContainer | None = None
        self._rate: float | None = None  # of frames that have no usable time stamps
        self.times = np.empty(0)
        self.keys = self.shown = np.empty(0, bool)
        self._lasts = np.empty(0)  # seconds, 0 where a packet does not tell
        with self._open() as (container, track):
            self.aspect, self.width = track.sample_aspect_ratio, track.codec_context.width
            # Times in a file need not start at zero; a user's do.
            self.zero = start_of(container, track)
            self.low = -np.inf if start is None else self.zero + max(start, 0.0)
            self.high = np.inf if end is None else self.zero + end
            # What lies before a jump can only be known by reading it.
            self.seekable = not jumps(container)
            self._seek_time = find_key(container, track, self.low) if self.seekable else None
        self._index()

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The container and its main track; whatever libav raises becomes a RowError."""
        with row_errors(), self._container() as container:
            track = main_track(container)
            context = track.codec_context
            if not context.is_open and min(context.width, context.height) >= LARGE:
                # It takes a fifth of decoding; in a picture this large, the edges are lost when a face is shrunk.
                context.options |= {"skip_loop_filter": "nokey"}
            yield container, track

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

    def _packets(self, skip: Skip = "DEFAULT") -> "Iterator[tuple[Packet[VideoStream], float]]":
        """The packets up to the end of the span, with their times; the last one is empty and flushes the decoder."""
        with self._open() as (container, track):
            track.codec_context.skip_frame = skip
            if self._seek_time is not None:
                seek(container, track, self._seek_time)
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

    def _index(self) -> None:
        self._read()
        if clock.is_stamped(self.times[self.shown]):
            return
        with self._open() as (_, track):
            self._rate = frame_rate(track)
        if self._seek_time is not None:  # frames are counted from the start
            self._seek_time = None
            self._read()
        self.times = np.where(self.shown, self.zero + (np.cumsum(self.shown) - 1) / self._rate, -np.inf)
        self.keys[:] = False

    def _read(self) -> None:
        # Packets to discard lie outside the part of the file that its edit list shows.
        read = [
            (time, packet.is_keyframe, not packet.is_discard, float((packet.duration or 0) * packet.time_base))
            for packet, time in self._packets()
            if packet.size
        ]
        self.times = np.array([time for time, *_ in read], float)
        self.keys = np.array([key for _, key, *_ in read], bool)
        self.shown = np.array([shown for _, _, shown, _ in read], bool)
        self._lasts = np.array([lasts for *_, lasts in read], float)

    def inside(self, low: float, high: float) -> np.ndarray:
        """Numbers of the packets that a player shows between two times of the file."""
        return np.flatnonzero(self.shown & (self.times >= low) & (self.times < high))

    def standing(self, low: float) -> float:
        """When the frame came that is shown at the time `low`; `low` itself where none is, as after the end.

        A frame that does not tell how long it lasts is shown until the next one.
        """
        before = np.flatnonzero(self.shown & (self.times <= low))
        if not len(before):
            return low
        last = before[self.times[before].argmax()]
        goes_on = bool((self.times[self.shown] > low).any())
        shown = low < self.times[last] + self._lasts[last] if self._lasts[last] else goes_on
        return float(self.times[last]) if shown else low

    def decode(self, windows: Sequence[tuple[float, float]], skip: Skip) -> Iterator[tuple[float, VideoFrame]]:
        """The frames that decode, with their times, in order; at least those of the `windows` (low, high).

        `skip` is libavcodec's level of frames to leave out.
        """
        wanted = self._wanted(windows)
        last = max(np.flatnonzero(wanted), default=-1)
        count, number, running = 0, -1, False
        for packet, packet_time in self._packets("DEFAULT" if self._rate else skip):
            number += bool(packet.size)
            pause = bool(packet.size) and not (number < len(wanted) and wanted[number])
            if pause and not running:
                if number > last:
                    return
                continue
            running = not pause
            for frame in _decode(packet, pause):
                time = packet_time if frame.time is None else frame.time
                if self._rate:
                    time = self.zero + count / self._rate
                    count += 1
                yield time, frame

    def _wanted(self, windows: Sequence[tuple[float, float]]) -> np.ndarray:
        """Which packets to decode: for each window those from the key frame before it to a little after it."""
        wanted = np.zeros(len(self.times), bool)
        for low, high in windows:
            inside = self.inside(low, high)
            if len(inside):
                before = np.flatnonzero(self.keys & (self.times <= low))
                wanted[before[-1] if len(before) else 0 : inside[-1] + 1 + REORDERING] = True
        return np.ones_like(wanted) if self._rate else wanted


def _decode(packet: "Packet[VideoStream]", pause: bool) -> list[VideoFrame]:
    """The frames a packet completes; where decoding pauses at it, those that the decoder still holds."""
    context = packet.stream.codec_context
    try:
        frames: list[VideoFrame] = context.decode(None) if pause else packet.decode()
    except av.FFmpegError:  # the next may decode
        frames = []
    if pause:
        context.flush_buffers()
        for frame in frames:  # without a packet they do not know it
            frame.time_base = packet.time_base
    return frames


def find_key(container: InputContainer, track: VideoStream, low: float) -> float | None:
    """The time to seek to, to land on a key frame that is not after the time `low`; None for the file's start.

    The time itself will do in a container with an index; others are searched by byte position.
    """
    for back in (0, 10) if np.isfinite(low) else ():
        try:
            seek(container, track, low - back)
            packets = container.demux(track)
            key = next(packet for packet in packets if packet.is_keyframe and packet.pts is not None)
        except (av.FFmpegError, StopIteration):
            return None
        if float((key.pts or 0) * key.time_base) <= low:
            return low - back
    return None


def seek(container: InputContainer, track: VideoStream, time: float) -> None:
    """Go to the key frame at a time of the file or, where the container can tell, before it."""
    container.seek(max(int(time / (track.time_base or 1)), track.start_time or 0), stream=track)
