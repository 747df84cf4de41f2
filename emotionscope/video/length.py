"""How long videos are, read from their heads in a separate process, as they are untrusted."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError
from dataclasses import dataclass
from typing import IO, NoReturn

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from pebble import ProcessExpired, ProcessPool

from emotionscope.errors import RowError
from emotionscope.io import storage
from emotionscope.video.frames import CONTAINERS

LONGEST = 7 * 24 * 3600.0  # seconds; a head that tells more is damaged
SECONDS = 120.0  # for one video; one without an index is read to its end


@dataclass(frozen=True)
class Length:
    """The seconds of a video, or the `error` for which they are not known."""

    seconds: float | None
    error: str | None = None


def lengths(uris: Iterable[str]) -> Iterator[Length]:
    """The length of each video, in order. No video makes this raise."""
    context = multiprocessing.get_context("spawn")
    aws = (storage.environment(),)
    with ProcessPool(os.cpu_count() or 1, initializer=storage.use_environment, initargs=aws, context=context) as pool:
        found = pool.map(_length, uris, timeout=SECONDS).result()
        while True:
            try:
                yield next(found)
            except StopIteration:
                return
            except TimeoutError:
                yield Length(None, f"video took too long: more than {SECONDS:g} s")
            except ProcessExpired as error:
                yield Length(None, f"video crashed its decoder: exit code {error.exitcode}")
            except Exception as error:
                yield Length(None, f"video failed: {type(error).__name__}: {' '.join(str(error).split())}")


def _length(uri: str) -> Length:
    try:
        with storage.open_binary(uri) as stream:
            return Length(length(stream))
    except RowError as error:
        return Length(None, str(error))


def length(stream: IO[bytes]) -> float:
    """Seconds from a video's start to the end of its video track. `stream` is seekable. Raises RowError."""
    try:
        options = {"format_whitelist": CONTAINERS}
        with av.open(stream, "r", options=options, metadata_errors="replace", io_open=_refuse) as container:
            track = container.streams.best("video")
            if not isinstance(track, VideoStream):
                raise RowError("video has no frames: the file has no video track")
            seconds = _end(container, track)
    except av.ArgumentError as error:
        raise RowError("video unreadable: not a known video container") from error
    except (av.FFmpegError, OSError) as error:
        raise RowError(f"video unreadable: {' '.join((error.strerror or str(error)).split())}") from error

    if not 0 < seconds <= LONGEST:
        raise RowError(f"video unreadable: a length of {seconds:g} s")
    return seconds


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001
    raise PermissionError(1, "it refers to another file")


def _end(container: InputContainer, track: VideoStream) -> float:
    zero = (container.start_time or 0) / av.time_base
    if track.duration and track.time_base:
        return float((track.start_time or 0) + track.duration) * float(track.time_base) - zero
    if container.duration:
        # Matroska's is counted from zero and not from the first frame.
        return container.duration / av.time_base - (zero if "matroska" in container.format.name else 0)
    # A recording that was cut short has no length in its head.
    stamped = ((packet.pts, packet.duration or 0, packet.time_base) for packet in container.demux(track))
    return max((float((pts + lasts) * base) for pts, lasts, base in stamped if pts is not None), default=zero) - zero
