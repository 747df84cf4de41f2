"""Frames of a video, sampled evenly over an utterance: open, seek, decode only what is needed.

Videos are untrusted input: only containers of one file are opened, nothing a file refers to is read, and
frames above a size limit are refused. What goes wrong is a `RowError` whose reason starts with
``video unreadable``, ``video has no frames``, ``video span is empty`` or ``video too large``.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal, NoReturn, Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotionscope.errors import RowError

RATE = 2.0  # frames a second of the utterance
FEWEST = 4  # frames of a short utterance, where it has as many
MOST = 24  # frames of a long one
LARGEST = (8192, 4320)  # pixels, in either orientation
SIDE = 1920  # pixels; a frame longer than this is shrunk to it

# Demuxers of one file; playlists, image sequences and devices are left out.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg"
BUFFER = 2**18  # bytes of each read from the stream
INDEXED = "mov"  # demuxers that know where every frame lies, and so can go back to the first exactly
REORDERING = 16  # frames by which decoding order may run ahead of time (H.264, H.265)

Skip = Literal["DEFAULT", "NONREF", "NONKEY"]
_ROTATE = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True)
class Frame:
    """One upright frame.

    ``time`` is in seconds from the start of the span; ``image`` is uint8 BGR [height, width, 3];
    ``scale`` is the number of the video's pixels to one of the image (1 unless the frame was shrunk).
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
        sample = chosen.pop(0)
        image = sample.frame.to_ndarray(format="bgr24")
        upright = cv2.rotate(image, _ROTATE[sample.turn]) if sample.turn in _ROTATE else image
        yield Frame(sample.time, upright, sample.scale)


@dataclass(frozen=True)
class _Sample:
    """A frame as decoded, no longer than `SIDE`, and how much it was shrunk and is to be turned, in degrees."""

    time: float
    frame: VideoFrame
    scale: float
    turn: int

    @classmethod
    def of(cls, time: float, frame: VideoFrame) -> Self:
        _check_size(frame.width, frame.height)
        turn = frame.rotation % 360  # a shrunk frame forgets it
        scale = max(1.0, max(frame.width, frame.height) / SIDE)
        if scale > 1:
            frame = frame.reformat(round(frame.width / scale), round(frame.height / scale))
        return cls(float(time), frame, scale, turn)


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001
    raise PermissionError(1, "it refers to another file")


def _check_size(width: int, height: int) -> None:
    if max(width, height) > max(LARGEST) or min(width, height) > min(LARGEST):
        raise RowError(f"video too large: {width}x{height} pixels, the limit is {LARGEST[0]}x{LARGEST[1]}")


class _Span:
    """The part of a video's main track between two times."""

    def __init__(self, stream: IO[bytes], start: float | None, end: float | None) -> None:
        self._stream = stream
        self._kept: InputContainer | None = None
        with self._open() as (container, track):
            # Times in a file need not start at zero; a user's do.
            zero = (container.start_time or 0) / av.time_base
            self.low = -np.inf if start is None else zero + max(start, 0.0)
            self.high = np.inf if end is None else zero + end
            self._seek_time = self._find_key(container, track)

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The container and its main track; whatever libav raises becomes a RowError."""
        try:
            with self._container() as container:
                track = container.streams.best("video")
                if not isinstance(track, VideoStream) or track.codec_context is None:
                    raise RowError("video has no frames: the file has no video track that can be decoded")
                _check_size(track.codec_context.width, track.codec_context.height)
                if not track.codec_context.is_open:
                    track.codec_context.thread_count = 1  # videos are decoded side by side, one to a core
                    track.codec_context.options = {"max_pixels": str(LARGEST[0] * LARGEST[1])}
                yield container, track
        except (av.FFmpegError, OSError) as error:
            raise RowError(f"video unreadable: {' '.join((error.strerror or str(error)).split())}") from error

    @contextmanager
    def _container(self) -> Iterator[InputContainer]:
        """The file from its start; opening it takes as long as decoding several frames, so once will do if it may."""
        if self._kept:
            self._kept.seek(self._kept.start_time or 0)
            yield self._kept
            return
        options = {"format_whitelist": CONTAINERS}
        self._stream.seek(0)
        try:
            # Refusing io_open keeps the demuxers from opening what a file refers to.
            container = av.open(
                self._stream, "r", options=options, metadata_errors="replace", buffer_size=BUFFER, io_open=_refuse
            )
        except av.ArgumentError as error:
            raise RowError("video unreadable: not a known video container") from error
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

        The span's start itself will do in a container with an index; MPEG-TS is searched by byte position.
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
            time, late = -np.inf, 0
            packets = container.demux(track)
            while True:
                try:
                    packet = next(packets)
                except (av.InvalidDataError, av.EOFError, StopIteration):  # the file's end, or where it is cut short
                    return
                stamp = packet.dts if packet.pts is None else packet.pts
                time = time if stamp is None else float(stamp * packet.time_base)
                yield packet, time
                late = late + 1 if time >= self.high else 0
                if late > REORDERING:
                    return

    def index(self) -> tuple[np.ndarray, np.ndarray]:
        """The times of the span's frames in seconds, and which are key frames, read without decoding."""
        packets = [(time, packet.is_keyframe) for packet, time in self._packets() if packet.size]
        times, keys = np.array([time for time, _ in packets]), np.array([key for _, key in packets], bool)
        inside = (times >= self.low) & (times < self.high)
        return times[inside], keys[inside]

    def decode(self, skip: Skip) -> Iterator[tuple[float, VideoFrame]]:
        """The span's frames that decode, with their times; `skip` is libavcodec's level of frames to leave out."""
        for packet, packet_time in self._packets(skip):
            try:
                frames = packet.decode()
            except av.FFmpegError:  # the next may decode
                continue
            for frame in frames:
                time = packet_time if frame.time is None else frame.time
                if self.low <= time < self.high:
                    yield time, frame


def _seek(container: InputContainer, track: VideoStream, time: float) -> None:
    container.seek(max(int(time / (track.time_base or 1)), track.start_time or 0), stream=track)


def _choose(span: _Span) -> list[_Sample]:
    """One frame from each cell of an even division of the span."""
    times, keys = span.index()
    if not len(times):
        whole = not np.isfinite(span.low) and not np.isfinite(span.high)
        raise RowError("video has no frames: its track is empty" if whole else "video span is empty: no frame in it")
    first = times.min()
    length = (times.max() - first) * len(times) / max(len(times) - 1, 1)
    count = min(max(round(RATE * length), FEWEST), MOST, len(times))
    edges = first + length / count * np.arange(count)  # where the cells start
    cells, key_cells = (len(np.unique(np.searchsorted(edges, t, "right"))) for t in (times, times[keys]))

    # Frames that no other needs are cheap to leave out, as long as (nearly) every cell still has one.
    ways: list[Skip] = ["DEFAULT"]
    if len(times) > 2 * count:
        ways = ["NONKEY", "NONREF", "DEFAULT"] if key_cells == cells else ["NONREF", "DEFAULT"]
    zero = span.low if np.isfinite(span.low) else first
    chosen: list[_Sample] = []
    for way in ways:
        chosen = _one_per_cell(span.decode(way), zero, edges, length / count)
        if 4 * len(chosen) >= 3 * cells:
            break
    if not chosen:
        raise RowError("video has no frames: none of them decodes")
    return chosen


def _one_per_cell(
    frames: Iterator[tuple[float, VideoFrame]], zero: float, edges: np.ndarray, width: float
) -> list[_Sample]:
    """Of each cell, from its edge on `width` seconds long, the last frame of its first half, else the next one."""
    chosen: list[_Sample] = []
    current, held = -1, None
    for time, frame in frames:
        cell = max(int(np.searchsorted(edges, time, "right")) - 1, 0)
        if held is None or cell > current:
            if held is not None:
                chosen.append(_Sample.of(*held))
            current, held = cell, (time - zero, frame)
        elif time <= edges[cell] + width / 2:
            held = (time - zero, frame)
        elif cell == len(edges) - 1:
            break
    return chosen if held is None else [*chosen, _Sample.of(*held)]
