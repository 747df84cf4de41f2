"""Videos are untrusted: each is decoded in a separate process, so that a bad one harms only itself."""

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emotionscope.errors import RowError, first_line
from emotionscope.io import s3
from emotionscope.video.clips import Clip, cut
from emotionscope.video.detection import Detector, DetectorSpec
from emotionscope.video.frames import Span
from emotionscope.video.isolation import Companion, Ended
from emotionscope.video.keyframes import Face, Found, faces_in, open_video

SECONDS = 120.0  # for one utterance's span; a long video is seeked through, and takes seconds
FURTHER = 1 / 24  # of that time, for each further span of the same video
PATIENCE = 2  # spans of a video that may take too long before the rest of them is given up
TOO_LONG = "video took too long"
CUTTING = 20.0  # seconds for one clip, while somebody waits
PIXELS = 2**26  # of one picture
MEMORY = 6 * 2**30  # bytes of address space for the process, of which the libraries take two

_detector: Detector


@dataclass
class Spent:
    """Seconds of work on videos: finding faces in their pictures, and all else, which is decoding."""

    decoding: float = 0.0
    detection: float = 0.0


class _Isolated(Companion):
    """A process that is started anew after a video has ended it, and prepared by `start` each time.

    A video that takes longer than the seconds it is given, or needs more memory than the process has, raises RowError,
    and so does one that crashes the decoder twice: the first time something else may have ended the process.
    """

    def _try_twice(self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> Any:
        try:
            return self._try(function, arguments, seconds)
        except Ended:
            pass
        try:
            return self._try(function, arguments, seconds)
        except Ended as error:
            raise RowError(f"video crashed its decoder: {error}") from error

    def _try(self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> Any:
        try:
            return self.run(function, arguments, seconds)
        except TimeoutError as error:
            raise RowError(f"{TOO_LONG}: more than {seconds:g} s") from error
        except MemoryError as error:
            raise RowError("video needs too much memory") from error


class IsolatedFaces(_Isolated):
    """Finds faces as `keyframes.faces_in` does, in a separate process; `spent` adds up what it spends."""

    def __init__(self, spec: DetectorSpec, max_faces: int, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        super().__init__(_start_detector, spec, memory, s3.environment())
        self.max_faces, self.seconds = max_faces, seconds
        self.spent = Spent()

    def __call__(self, video: str, root: str, spans: Sequence[Span]) -> list[Found]:
        """The faces of several spans of a video, or why there are none; see `keyframes.faces_in`.

        A video that fails as a whole is looked at span by span, until it has taken too long `PATIENCE` times.
        """
        seconds = self.seconds * (1 + FURTHER * (len(spans) - 1))
        try:
            found_all, spent = self._try_twice(_find, (video, root, spans, self.max_faces), seconds)
            self.spent.decoding += spent.decoding
            self.spent.detection += spent.detection
            return list(found_all)
        except RowError as error:
            if len(spans) == 1:
                return [error]
        found: list[Found] = []
        late: list[RowError] = []
        people = 0
        for span in spans:
            (each,) = [late[-1]] if len(late) >= PATIENCE else self(video, root, [span])
            if isinstance(each, RowError):
                late += [each] if str(each).startswith(TOO_LONG) else []
            else:  # who is who between spans is not known: better two numbers for one person than one for two
                for face in each:
                    face["person"] += people
                people = max((face["person"] + 1 for face in each), default=people)
            found.append(each)
        return found

    def of_clip(self, video: str, root: str, start: float | None = None, end: float | None = None) -> list[Face]:
        """The faces of one span of a video. Raises RowError."""
        (found,) = self(video, root, [(start, end)])
        if isinstance(found, RowError):
            raise found
        return found


class IsolatedClips(_Isolated):
    """Cuts utterances out of their videos as `clips.cut` does, in a separate process."""

    def __init__(self) -> None:
        super().__init__(_limit, MEMORY, s3.environment())

    def __call__(self, video: str, root: str, span: Span) -> Clip:
        """The clip of a span of a video that a row names, in the folder `root`. Raises RowError."""
        clip: Clip = self._try_twice(_cut, (video, root, span), CUTTING)
        return clip


def _limit(memory: int, aws: dict[str, str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    s3.use_environment(aws)


def _start_detector(spec: DetectorSpec, memory: int, aws: dict[str, str]) -> None:
    global _detector
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(PIXELS)  # read at the first picture
    _limit(memory, aws)
    _detector = Detector(spec)


def _find(video: str, root: str, spans: Sequence[Span], max_faces: int) -> tuple[list[Found], Spent]:
    began, before = time.perf_counter(), _detector.seconds
    found = faces_in(video, root, spans, _detector, max_faces)
    detection = _detector.seconds - before
    return found, Spent(time.perf_counter() - began - detection, detection)


def _cut(video: str, root: str, span: Span) -> Clip:
    try:
        with open_video(video, root) as stream:
            return cut(stream, span)
    except (RowError, MemoryError):
        raise
    except Exception as unexpected:  # one video must not end the page
        raise RowError(f"video cannot be cut: {type(unexpected).__name__}: {first_line(unexpected)}") from None
