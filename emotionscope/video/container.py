"""Opening a video, which is untrusted input, and its main track.

Only containers of one file and raw streams are opened, nothing a file refers to is read, and pictures above a size
limit are refused. What goes wrong is a `RowError`.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, NoReturn

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from emotionscope.errors import RESUME, JobError, RowError
from emotionscope.storage import s3

# Demuxers of one file; playlists, image sequences and devices are left out. From mjpeg on they are raw streams.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mjpeg,jpeg_pipe,h264,hevc"
BUFFER = 2**18  # bytes of each read from the stream
LARGEST = (8192, 4320)  # pixels, in either orientation
NO_VIDEO = 1 << 10 | 1 << 19  # dispositions of a cover picture, and of a tile of a larger picture
DISCONTINUOUS = 0x200  # the flag of formats whose time stamps may jump
LEAD = 60.0  # seconds by which sound may start before the picture
SLOWEST, FASTEST, USUAL = 0.01, 1000.0, 25.0  # frames a second; a rate beyond them is a damaged header's


@contextmanager
def row_errors() -> Iterator[None]:
    """Whatever libav and the stream raise becomes a RowError that starts with ``video unreadable``.

    A store that is away says nothing of the video: that is a JobError.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = " ".join((error.strerror or str(error)).split())
        if s3.is_away(error):
            raise JobError(f"a video cannot be read ({reason}); {RESUME}") from error
        raise RowError(f"video unreadable: {reason}") from error


def open_container(stream: IO[bytes]) -> InputContainer:
    """The container in a stream, read from its first byte; the stream stays open. Raises RowError."""
    if stream.seek(0, io.SEEK_END) == 0:
        raise RowError("video unreadable: the file is empty")
    stream.seek(0)
    try:
        # Refusing io_open keeps the demuxers from opening what a file refers to.
        return av.open(
            stream,
            "r",
            options={"format_whitelist": CONTAINERS},
            metadata_errors="replace",
            buffer_size=BUFFER,
            io_open=_refuse,
        )
    except av.ArgumentError as error:
        raise RowError("video unreadable: not a known video container") from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001
    raise PermissionError(1, "it refers to another file")


def main_track(container: InputContainer) -> VideoStream:
    """The video track a player shows, ready to be decoded on one core. Raises RowError where there is none."""
    tracks = [track for track in container.streams.video if not track.disposition & NO_VIDEO and track.codec_context]
    best = container.streams.best("video")
    if not tracks:
        raise RowError("video has no frames: the file has no video track that can be decoded")
    track = best if isinstance(best, VideoStream) and best in tracks else tracks[0]
    check_size(track.codec_context.width, track.codec_context.height)
    if not track.codec_context.is_open:
        track.codec_context.thread_count = 1  # videos are decoded side by side, one to a core
        track.codec_context.options = {"max_pixels": str(LARGEST[0] * LARGEST[1])}
    return track


def check_size(width: int, height: int) -> None:
    """Raises RowError where a picture of so many pixels is too large."""
    if max(width, height) > max(LARGEST) or min(width, height) > min(LARGEST):
        raise RowError(f"video too large: {width}x{height} pixels, the limit is {LARGEST[0]}x{LARGEST[1]}")


def jumps(container: InputContainer) -> bool:
    """Whether the format is one of broadcasts and joined recordings, whose time stamps may jump."""
    return bool(container.format.flags & DISCONTINUOUS)


def frame_rate(track: VideoStream) -> float:
    """Frames a second, as the header or the first packets tell, else a usual rate."""
    rates: tuple[Fraction | None, ...] = (track.average_rate, track.guessed_rate)
    return next((float(rate) for rate in rates if rate and SLOWEST <= rate <= FASTEST), USUAL)


def start_of(container: InputContainer, track: VideoStream) -> float:
    """The time stamp, in seconds, at which a player's clock shows zero."""
    zero = (container.start_time or 0) / av.time_base
    if track.start_time is None or track.time_base is None:
        return zero
    first = float(track.start_time * track.time_base)
    # Sound may start before the picture, but not hours before: that is a stamp of another part of the file.
    return zero if first - LEAD <= zero <= first else first
