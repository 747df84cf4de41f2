"""Videos are untrusted: each is decoded in a separate process, so that a bad one harms only itself."""

import multiprocessing
import os
import resource
from concurrent.futures import TimeoutError

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
    that crashes the decoder.
    """

    def __init__(self, spec: DetectorSpec, max_faces: int, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.max_faces, self.seconds = max_faces, seconds
        # Spawned: a fork of a Ray worker, which has threads, may hang.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPool(1, initializer=_start, initargs=(spec, memory, storage.environment()), context=context)

    def __call__(self, video: str, root: str, start: float | None, end: float | None) -> list[Face]:
        """The faces of one utterance's video; see `keyframes.faces_in`."""
        task = self.pool.schedule(_find, args=(video, root, start, end, self.max_faces), timeout=self.seconds)
        try:
            return list(task.result())
        except TimeoutError as error:
            raise RowError(f"video took too long: more than {self.seconds:g} s") from error
        except ProcessExpired as error:
            raise RowError(f"video crashed its decoder: exit code {error.exitcode}") from error
        except MemoryError as error:
            raise RowError("video needs too much memory") from error

    def close(self) -> None:
        """End the process."""
        self.pool.stop()
        self.pool.join()


def _start(spec: DetectorSpec, memory: int, aws: dict[str, str]) -> None:
    global _detector
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(PIXELS)  # read at the first picture
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    storage.use_environment(aws)
    _detector = Detector(spec)


def _find(video: str, root: str, start: float | None, end: float | None, max_faces: int) -> list[Face]:
    return faces_in(video, root, start, end, _detector, max_faces)
