"""Videos are untrusted: each is decoded in a separate process, so that a bad one harms only itself."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from emotionscope.errors import JobError, RowError, first_line
from emotionscope.video.clips import Clip, cut
from emotionscope.video.confinement import MEMORY
from emotionscope.video.cutouts import Spot, cut_faces
from emotionscope.video.faces import FaceSettings, Found, Span, Utterance
from emotionscope.video.files import open_video
from emotionscope.video.isolation import Companion, Ended, borrowed, tell
from emotionscope.video.lending import Opener
from emotionscope.video.video_faces import VideoFaces

SECONDS = 120.0  # for one utterance, and once more for each `LENGTH` seconds that it lasts or may last
LENGTH, LONGEST = 120.0, 600.0
FURTHER = 1 / 24  # of that time, for each further utterance of the same video
PATIENCE = 2  # spans of a video that may take too long before the rest of them is given up
TOO_LONG = "video took too long"
CUTTING = 20.0  # seconds for one clip, while somebody waits

_faces: VideoFaces


@dataclass
class Spent:
    """Seconds of work on videos: finding and recognising faces in their pictures, and all else, which is decoding."""

    decoding: float = 0.0
    detection: float = 0.0


class _Isolated(Companion):
    """A process that is started anew after a video has ended it, and prepared by `start` each time.

    A video that takes longer than the seconds it is given, or needs more memory than the process has, raises RowError,
    and so does one that crashes the decoder twice: the first time something else may have ended the process.
    """

    def _try_twice(
        self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float, video: str, root: str
    ) -> Any:
        lend = partial(open_video, video, root)
        try:
            return self._try(function, arguments, seconds, lend)
        except Ended:
            pass
        try:
            return self._try(function, arguments, seconds, lend)
        except Ended as error:
            raise RowError(f"video crashed its decoder: {error}") from error

    def _try(self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float, lend: Opener) -> Any:
        try:
            return self.run(function, arguments, seconds, lend)
        except TimeoutError as error:
            raise RowError(f"{TOO_LONG}: more than {seconds:g} s") from error
        except MemoryError as error:
            raise RowError("video needs too much memory") from error


class IsolatedFaces(_Isolated):
    """Finds faces as `VideoFaces.of_file` does, in a separate process; `spent` adds up what it spends.

    `heard` is called with how many utterances of a video have been looked at, once a second.
    """

    def __init__(self, settings: FaceSettings, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        super().__init__(_start_faces, settings, memory=memory)
        self.seconds, self.speakers = seconds, settings.speakers
        self.spent = Spent()

    def __call__(self, video: str, root: str, utterances: Sequence[Utterance]) -> list[Found | RowError]:
        """What is found in several utterances of a video, or why nothing is.

        A video that fails as a whole is looked at utterance by utterance, until it has taken too long `PATIENCE` times.
        """
        try:
            found_all, spent = self._try_twice(_find, (utterances,), self._time_for(utterances), video, root)
            self.spent.decoding += spent.decoding
            self.spent.detection += spent.detection
            return list(found_all)
        except RowError as error:
            if len(utterances) == 1:
                return [error]
        found: list[Found | RowError] = []
        late: list[RowError] = []
        people = 0
        for utterance in utterances:
            (each,) = [late[-1]] if len(late) >= PATIENCE else self(video, root, [utterance])
            if isinstance(each, RowError):
                late += [each] if str(each).startswith(TOO_LONG) else []
            else:  # who is who between utterances is not known: better two numbers for one person than one for two
                for face in each.faces:
                    face["person"] = None if face["person"] is None else face["person"] + people
                people = max((1 + (face["person"] or 0) for face in each.faces), default=people)
            found.append(each)
        return found

    def of_clip(self, video: str, root: str, start: float | None = None, end: float | None = None) -> Found:
        """What is found in one span of a video. Raises RowError."""
        (found,) = self(video, root, [Utterance((start, end))])
        if isinstance(found, RowError):
            raise found
        return found

    def _time_for(self, utterances: Sequence[Utterance]) -> float:
        """The seconds that the process may take."""
        spans = [each.span for each in utterances]
        lengths = [LONGEST if end is None else min(max(end - (start or 0.0), 0.0), LONGEST) for start, end in spans]
        return self.seconds * (1 + FURTHER * (len(spans) - 1) + sum(length // LENGTH for length in lengths))


class IsolatedVideos(_Isolated):
    """Runs functions of ours on videos, in a separate process."""

    def read(
        self, function: Callable[..., Any], video: str, root: str, arguments: Sequence[Any], seconds: float = SECONDS
    ) -> Any:
        """What a function gives for the stream of a video in the folder `root`, and these arguments. Raises RowError.

        It may take so many seconds, and a row's error is the only one that it raises of the video.
        """
        return self._try_twice(_read, (function, arguments), seconds, video, root)


class IsolatedClips(IsolatedVideos):
    """Cuts utterances and faces out of their videos as `clips` and `cutouts` do, in a separate process."""

    def __call__(self, video: str, root: str, span: Span) -> Clip:
        """The clip of a span of a video that a row names, in the folder `root`. Raises RowError."""
        clip: Clip = self.read(cut, video, root, (span,), CUTTING)
        return clip

    def faces(self, video: str, root: str, spots: Sequence[Spot]) -> list[bytes]:
        """Pictures of faces of such a video, as `cut_faces` gives them. Raises RowError."""
        pictures: list[bytes] = self.read(cut_faces, video, root, (spots,), CUTTING)
        return pictures


def _start_faces(settings: FaceSettings) -> None:
    global _faces
    _faces = VideoFaces(settings, tell)


def _find(utterances: Sequence[Utterance]) -> tuple[list[Found | RowError], Spent]:
    began, before = time.perf_counter(), _faces.detector.seconds + _faces.embedder.seconds
    try:
        with borrowed() as stream:
            found = _faces.of_stream(stream, utterances)
    except RowError as error:
        found = [error] * len(utterances)
    detection = _faces.detector.seconds + _faces.embedder.seconds - before
    return found, Spent(time.perf_counter() - began - detection, detection)


def _read(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    try:
        with borrowed() as stream:
            return function(stream, *arguments)
    except (RowError, JobError, MemoryError):
        raise
    except Exception as unexpected:  # one video must not end the page
        raise RowError(f"video failed: {type(unexpected).__name__}: {first_line(unexpected)}") from None
