"""How long videos are, read from their heads in a separate process, as they are untrusted."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from emotionscope.errors import JobError, RowError, first_line
from emotionscope.storage.place import Place
from emotionscope.video.clock import GAP, JOINED_GAP, Clock, is_stamped
from emotionscope.video.container import frame_rate, jumps, main_track, open_container, row_errors, start_of
from emotionscope.video.isolation import Companions, Ended, borrowed

LONGEST = 7 * 24 * 3600.0  # seconds; a head that tells more is damaged
SECONDS = 120.0  # for one video; one without an index is read to its end


@dataclass(frozen=True)
class Length:
    """The seconds of a video, or the `error` for which they are not known."""

    seconds: float | None
    error: str | None = None


def lengths(uris: Iterable[str]) -> Iterator[Length]:
    """The length of each video, in order. No video makes this raise, and a store that is away a JobError."""
    with Companions() as companions, ThreadPoolExecutor(os.cpu_count()) as threads:
        yield from threads.map(partial(_measured, companions), uris)


def _measured(companions: Companions, uri: str) -> Length:
    try:
        found: Length = companions.run(_length, (), SECONDS, Place(uri).open)
        return found
    except TimeoutError:
        return Length(None, f"video took too long: more than {SECONDS:g} s")
    except Ended as error:
        return Length(None, f"video crashed its decoder: {error}")
    except JobError:
        raise
    except Exception as error:
        return Length(None, f"video failed: {first_line(error)}")


def _length() -> Length:
    try:
        with row_errors():
            stream = borrowed()
        with stream:
            return Length(length(stream))
    except RowError as error:
        return Length(None, str(error))


def length(stream: IO[bytes]) -> float:
    """Seconds from a video's start to the end of its video track. `stream` is seekable. Raises RowError."""
    with row_errors(), open_container(stream) as container:
        seconds = _end(container, main_track(container))
    if not 0 < seconds <= LONGEST:
        raise RowError(f"video unreadable: a length of {seconds:g} s")
    return seconds


def _end(container: InputContainer, track: VideoStream) -> float:
    zero = start_of(container, track)
    if not jumps(container):
        if track.duration and track.time_base:
            return float((track.start_time or 0) + track.duration) * float(track.time_base) - zero
        if container.duration:
            # Matroska's is counted from zero and not from the first frame.
            return container.duration / av.time_base - (zero if "matroska" in container.format.name else 0)
    # A recording that was cut short has no length in its head, and where stamps jump it is not to be trusted.
    step = 1 / frame_rate(track)
    times = Clock(step, JOINED_GAP if jumps(container) else GAP)
    ends: list[float] = []
    for packet in container.demux(track):
        times.correct(packet)
        stamp = packet.dts if packet.pts is None else packet.pts
        lasts = float((packet.duration or 0) * packet.time_base)
        if packet.size:
            ends.append(np.nan if stamp is None else float(stamp * packet.time_base) + lasts)
    ended = np.array(ends)
    return float(ended.max() - zero) if is_stamped(ended) else len(ended) * step
