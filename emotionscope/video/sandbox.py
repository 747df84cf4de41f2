"""Videos are untrusted: each is decoded in a separate process, so that a bad one harms only itself."""

import multiprocessing
import os
import resource
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool

from emotionscope.errors import RowError
from emotionscope.io import s3
from emotionscope.video.detection import Detector, DetectorSpec
from emotionscope.video.frames import Span
from emotionscope.video.keyframes import Face, Found, faces_in

SECONDS = 120.0  # for one utterance's span; a long video is seeked through, and takes seconds
FURTHER = 1 / 24  # of that time, for each further span of the same video
PATIENCE = 2  # spans of a video that may take too long before the rest of them is given up
TOO_LONG = "video took too long"
PIXELS = 2**26  # of one picture
MEMORY = 6 * 2**30  # bytes of address space for the process, of which the libraries take two

_detector: Detector


@dataclass
class Spent:
    """Seconds of work on videos: finding faces in their pictures, and all else, which is decoding."""

    decoding: float = 0.0
    detection: float = 0.0


class IsolatedFaces:
    """Finds faces as `keyframes.faces_in` does, in a process that is started anew after a video has ended it.

    A video that takes longer than `seconds`, or needs more than `memory` bytes, raises RowError, and so does one
    that crashes the decoder twice: the first time something else may have ended the process. `spent` adds up.
    """

    def __init__(self, spec: DetectorSpec, max_faces: int, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.max_faces, self.seconds = max_faces, seconds
        self._initargs = spec, memory, s3.environment()
        self.pool = self._new_pool()
        self.spent = Spent()

    def __call__(self, video: str, root: str, spans: Sequence[Span]) -> list[Found]:
        """The faces of several spans of a video, or why there are none; see `keyframes.faces_in`.

        A video that fails as a whole is looked at span by span, until it has taken too long `PATIENCE` times.
        """
        seconds = self.seconds * (1 + FURTHER * (len(spans) - 1))
        try:
            return self._try_twice((video, root, spans, self.max_faces), seconds)
        except RowError as error:
            if len(spans) == 1:
                return [error]
        found: list[Found] = []
        late: list[RowError] = []
        for span in spans:
            found += [late[-1]] if len(late) >= PATIENCE else self(video, root, [span])
            late += [each for each in found[-1:] if isinstance(each, RowError) and str(each).startswith(TOO_LONG)]
        return found

    def of_clip(self, video: str, root: str, start: float | None = None, end: float | None = None) -> list[Face]:
        """The faces of one span of a video. Raises RowError."""
        (found,) = self(video, root, [(start, end)])
        if isinstance(found, RowError):
            raise found
        return found

    def _try_twice(self, arguments: tuple[str, str, Sequence[Span], int], seconds: float) -> list[Found]:
        try:
            return self._run(arguments, seconds)
        except (ProcessExpired, BrokenProcessPool):
            pass
        try:
            return self._run(arguments, seconds)
        except ProcessExpired as error:
            raise RowError(f"video crashed its decoder: exit code {error.exitcode}") from error

    def _run(self, arguments: tuple[str, str, Sequence[Span], int], seconds: float) -> list[Found]:
        if not self.pool.active:  # pebble gives a pool up when its process is ended between two videos
            self.close()
            self.pool = self._new_pool()
        try:
            found, spent = self.pool.schedule(_find, args=arguments, timeout=seconds).result()
        except TimeoutError as error:
            raise RowError(f"{TOO_LONG}: more than {seconds:g} s") from error
        except MemoryError as error:
            raise RowError("video needs too much memory") from error
        self.spent.decoding += spent.decoding
        self.spent.detection += spent.detection
        return list(found)

    def _new_pool(self) -> ProcessPool:
        # Spawned: a fork of a Ray worker, which has threads, may hang.
        context = multiprocessing.get_context("spawn")
        return ProcessPool(1, initializer=_start, initargs=self._initargs, context=context)

    def close(self) -> None:
        """End the process."""
        pool: Any = self.pool  # pebble's methods have no types
        pool.stop()
        pool.join()


def _start(spec: DetectorSpec, memory: int, aws: dict[str, str]) -> None:
    global _detector
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(PIXELS)  # read at the first picture
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    s3.use_environment(aws)
    _detector = Detector(spec)


def _find(video: str, root: str, spans: Sequence[Span], max_faces: int) -> tuple[list[Found], Spent]:
    began, before = time.perf_counter(), _detector.seconds
    found = faces_in(video, root, spans, _detector, max_faces)
    detection = _detector.seconds - before
    return found, Spent(time.perf_counter() - began - detection, detection)
