"""The faces of a video's utterances, found, followed and told apart on one core."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from emotionscope.errors import JobError, RowError, first_line
from emotionscope.recognition.embedding import Embedder
from emotionscope.speaking.crops import RATE
from emotionscope.video import pictures, tracking
from emotionscope.video.best_faces import encode, select_faces
from emotionscope.video.confinement import PIXELS
from emotionscope.video.detection import Detector
from emotionscope.video.face_tracks import SHORTEST, FaceWatcher
from emotionscope.video.faces import Box, Face, FaceSettings, Found, Track, Utterance
from emotionscope.video.files import open_video
from emotionscope.video.frames import Part, sample_spans
from emotionscope.video.people import Cast, SpanFaces
from emotionscope.video.recognising import Recogniser
from emotionscope.video.sampler import Frame, Watcher
from emotionscope.video.sound import STEPS, features
from emotionscope.video.tracking import TrackedFace

JPEG_AFTER_JPEG = re.compile(rb"\xff\xd9\0*\xff\xd8\xff")  # the end of one, the start of the next


class VideoFaces:
    """Finds the faces of videos as the settings say, on one core."""

    def __init__(self, settings: FaceSettings, tell: Callable[[int], None] | None = None) -> None:
        """`tell` is called with how many utterances of a video have been looked at."""
        self.settings, self.tell = settings, tell
        self.detector = Detector(settings.detector)
        self.embedder = Embedder()

    def of_file(self, video: str, root: str, utterances: Sequence[Utterance]) -> list[Found | RowError]:
        """As `of_stream`, for a video named in a row of a dataset at `root`, which may be missing or lie outside."""
        try:
            with open_video(video, root) as stream:
                return self.of_stream(stream, utterances)
        except RowError as error:
            return [error] * len(utterances)

    def of_stream(self, stream: IO[bytes], utterances: Sequence[Utterance]) -> list[Found | RowError]:
        """What is found in each utterance of a video, or why nothing is. The video is decoded once.

        A JPEG or PNG picture is a video of one frame. A person has the same number in all utterances, 0 being the most
        prominent, and None where it is not known. No utterance makes this raise; a store that is away raises JobError.
        """
        found: list[Found | RowError] = [RowError("video has no frames") for _ in utterances]
        cast, seen_so_far = _People(Cast(), Recogniser(self.embedder)), set[int]()
        if is_picture(stream):
            frames = (frame for frame in map(picture, [stream]) if frame)
            seen = _guard(self._see, Part(0.0, frames, None), 0.0, cast, None)
            self._finish([seen], cast)
            return [seen] * len(utterances)
        sounds = self._sounds(stream, utterances)

        def watch(number: int) -> FaceWatcher | None:
            return None if sounds[number] is None else FaceWatcher(self.detector)

        for number, part in sample_spans(stream, [each.span for each in utterances], self.settings.fps, watch):
            if self.tell:
                seen_so_far.add(number)
                self.tell(len(seen_so_far))
            if isinstance(part, RowError):
                found[number] = part
                continue
            start = max(utterances[number].span[0] or 0.0, 0.0)
            seen, before = _guard(self._see, part, start, cast, sounds[number]), found[number]
            if isinstance(seen, Found) and isinstance(before, Found):
                before.faces += seen.faces
                before.tracks += seen.tracks
            elif not isinstance(before, Found):
                found[number] = seen
        self._finish(found, cast)
        return found

    def _sounds(self, stream: IO[bytes], utterances: Sequence[Utterance]) -> list[np.ndarray | None]:
        """The sound of the utterances in which the speaker is to be measured; None for the others."""
        choice = self.settings.speakers
        wanted = [n for n, each in enumerate(utterances) if choice == "always" or (choice == "auto" and each.spoken)]
        result: list[np.ndarray | None] = [None] * len(utterances)
        if wanted:
            with suppress(RowError):  # the pictures may still be good
                for number, steps in zip(wanted, features(stream, [utterances[n].span for n in wanted]), strict=True):
                    result[number] = steps
        return result

    def _see(self, part: Part, start: float, cast: "_People", sound: np.ndarray | None) -> Found:
        """The faces of a part of an utterance that starts at `start` seconds of the video, and their tracks.

        Until `_finish`, a face's person is the place in ``cast.colours`` of its track.
        """
        tracked: list[TrackedFace] = []
        layouts: list[np.ndarray] = []
        shot = 0
        for number, frame in enumerate(part.frames):
            layouts.append(tracking.layout(frame.image))
            shot += number > 0 and tracking.is_cut(*layouts[-2:])
            found = self.detector.detect(frame.image)
            tracked += tracking.describe_faces(frame.image, frame.scale, found, number, shot, frame.time)
        spoken = _tracks(part.watcher, sound)
        if not layouts:
            return Found()
        tracks = tracking.follow(tracked)
        persons = tracking.assign_people(tracked, tracks)
        colours = cast.by_colours.see(SpanFaces(start, tracked, persons, layouts[0], layouts[-1]))
        numbers, embedded = cast.by_faces.see(start, tracked, tracks, colours)
        cast.colours |= dict(zip(numbers, colours, strict=True))
        kept = set(select_faces(tracked, persons, self.settings.max_faces))
        given = embedded if self.settings.embeddings else {}
        faces = [_face(face, numbers[i], i in kept, given.get(i)) for i, face in enumerate(tracked) if numbers[i] >= 0]
        return Found(faces, spoken)

    def _finish(self, found: Sequence[Found | RowError], cast: "_People") -> None:
        """Number the people by prominence, and keep no more than `max_faces` of an utterance of several parts."""
        people = cast.by_faces.people()
        ranks = cast.by_colours.ranks()
        for each in found:
            if isinstance(each, RowError):
                continue
            each.faces.sort(key=lambda face: face["time"])
            for face in each.faces:
                number = face["person"] or 0
                face["person"] = people[number] if people else ranks[cast.colours[number]]
                if people is None:
                    face["embedding"] = None  # it tells nothing
            kept = [face for face in each.faces if face["kept"]]
            for face in sorted(kept, key=lambda face: -face["quality"])[self.settings.max_faces :]:
                face["kept"] = False


@dataclass
class _People:
    """Who is who in one video, by colours and by faces; of each track of the latter the person by the former."""

    by_colours: Cast
    by_faces: Recogniser
    colours: dict[int, int] = field(default_factory=dict)


def faces_of(stream: IO[bytes], faces: VideoFaces, start: float | None = None, end: float | None = None) -> list[Face]:
    """The faces of the seconds `start` to `end` of a video: rows of `contracts.FACE`, in order of time.

    There is none where no face is found. Raises RowError where the video cannot be read.
    """
    (found,) = faces.of_stream(stream, [Utterance((start, end), spoken=False)])
    if isinstance(found, RowError):
        raise found
    return found.faces


def _guard(see: Callable[..., Found], *arguments: object) -> Found | RowError:
    try:
        return see(*arguments)
    except RowError as error:
        return error
    except (MemoryError, JobError):  # the process has none left; the store is away
        raise
    except Exception as unexpected:  # one row must not end the job
        return RowError(f"video failed: {type(unexpected).__name__}: {first_line(unexpected)}")


def _tracks(watcher: Watcher | None, sound: np.ndarray | None) -> list[Track]:
    """The tracks of a part, as far as there is sound with them."""
    if not isinstance(watcher, FaceWatcher) or sound is None:
        return []
    tracks = []
    for track in watcher.finish():
        first = track.start * STEPS // RATE
        pictures = min(len(track.boxes), (len(sound) - first) * RATE // STEPS)
        if pictures >= SHORTEST:
            steps = sound[first : first + pictures * STEPS // RATE]
            boxes, crops = watcher.scale * np.stack(track.boxes[:pictures]), np.stack(track.crops[:pictures])
            tracks.append(Track(track.start / RATE, boxes, crops, steps))
    return tracks


def _face(tracked: TrackedFace, person: int, kept: bool, embedding: np.ndarray | None) -> Face:
    x, y, w, h = tracked.box
    yaw, pitch, roll = tracked.pose or (None, None, None)
    return Face(
        time=tracked.time,
        box=Box(x=x, y=y, w=w, h=h),
        person=person,
        quality=tracked.quality,
        kept=kept,
        speaking=None,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        embedding=None if embedding is None else embedding.tolist(),
        image=encode(tracked.crop, kept),
    )


def is_picture(stream: IO[bytes]) -> bool:
    """Whether a stream is one JPEG or PNG and not a stream of JPEGs."""
    stream.seek(0)
    head = stream.read(max(map(len, pictures.KINDS)))
    if not head.startswith(pictures.KINDS):
        return False
    content = head + stream.read(pictures.BYTES)
    # Cameras put a preview or a depth map after the picture, and list them under this name.
    return head.startswith(pictures.PNG) or not JPEG_AFTER_JPEG.search(content) or b"MPF\0" in content


def picture(stream: IO[bytes]) -> Frame | None:
    """The one frame of a stream that is a JPEG or PNG; None where it is neither. Raises RowError for a damaged one."""
    if not is_picture(stream):
        return None
    stream.seek(0)
    return Frame(0.0, pictures.decode(stream.read(pictures.BYTES + 1), most=PIXELS), 1.0)
