"""Videos are untrusted: each is decoded in a separate process, so that a bad one harms only itself."""

import multiprocessing
import os
import resource
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessExpired, ProcessPool

from emotionscope.errors import RowError
from emotionscope.io import storage
from emotionscope.video.detection import Detector, DetectorSpec
from emotionscope.video.keyframes import Face, faces_in

SECONDS = 120.0  # for one video; a long one is seeked through, and takes seconds
PIXELS = 2**26  # of one picture
MEMORY = 6 * 2**30  # bytes of address space for the process, of which the libraries take two

_detector: Detector


class IsolatedFaces:
    """Finds faces as `keyframes.faces_in` does, in a process that is started anew after a video has ended it.

    A video that takes longer than `seconds`, or needs more than `memory` bytes, raises RowError, and so does one
    that crashes the decoder twice: the first time something else may have ended the process.
    """

    def __init__(self, spec: DetectorSpec, max_faces: int, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.max_faces, self.seconds = max_faces, seconds
        self._initargs = spec, memory, storage.environment()
        self.pool = self._new_pool()

    def __call__(self, video: str, root: str, start: float | None, end: float | None) -> list[Face]:
        """The faces of one utterance's video; see `keyframes.faces_in`."""
        arguments = video, root, start, end, self.max_faces
        try:
            return self._run(arguments)
        except (ProcessExpired, BrokenProcessPool):
            pass
        try:
            return self._run(arguments)
        except ProcessExpired as error:
            raise RowError(f"video crashed its decoder: exit code {error.exitcode}") from error

    def _run(self, arguments: tuple[str, str, float | None, float | None, int]) -> list[Face]:
        if not self.pool.active:  # pebble gives a pool up when its process is ended between two videos
            self.close()
            self.pool = self._new_pool()
        try:
            return list(self.pool.schedule(_find, args=arguments, timeout=self.seconds).result())
        except TimeoutError as error:
            raise RowError(f"video took too long: more than {self.seconds:g} s") from error
        except MemoryError as error:
            raise RowError("video needs too much memory") from error

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
    storage.use_environment(aws)
    _detector = Detector(spec)


def _find(video: str, root: str, start: float | None, end: float | None, max_faces: int) -> list[Face]:
    return faces_in(video, root, start, end, _detector, max_faces)
