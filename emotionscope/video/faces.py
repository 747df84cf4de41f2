"""How faces are looked for in a video, and what is found: plain types that travel between the processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from emotionscope.errors import RowError, UserError

if TYPE_CHECKING:
    import numpy as np

DetectorName = Literal["yunet", "haar"]
SpeakersChoice = Literal["auto", "always", "never"]
FASTEST = 60  # frames a second that may be looked at
Span = tuple[float | None, float | None]  # start and end in seconds; None: either end of the video


@dataclass(frozen=True)
class FaceSettings:
    """How faces are looked for.

    `fps` frames a second are looked at. `max_faces` of an utterance's faces are kept for showing and training.
    `speakers` tells whether to measure who speaks: ``auto``, where something is said and there is sound; ``always``,
    where there is sound; ``never``. `embeddings` tells whether those of the best faces are given out.
    """

    detector: DetectorName = "yunet"
    max_faces: int = 8
    fps: float = 2.0
    speakers: SpeakersChoice = "auto"
    embeddings: bool = False

    def check(self) -> None:
        """Raise UserError for an unknown detector or choice, and for a rate out of range."""
        for name, value, known in (
            ("detector", self.detector, get_args(DetectorName)),
            ("speakers", self.speakers, get_args(SpeakersChoice)),
        ):
            if value not in known:
                raise UserError(f"{name} {value!r}: choose {', '.join(known)}")
        if not 0 < self.fps <= FASTEST:
            raise UserError(f"fps {self.fps:g}: must be above 0 and at most {FASTEST}")

    def describe(self) -> str:
        """The settings on one line for people."""
        measured = {
            "auto": "measured where words are said and there is sound",
            "always": "measured where there is sound",
            "never": "not measured",
        }
        return (
            f"faces: detector {self.detector}, {self.fps:g} frames a second; who speaks is {measured[self.speakers]}"
            + ("; embeddings of the best faces, which are biometric data, are written" if self.embeddings else "")
        )


class Box(TypedDict):
    """Where a face is, in pixels of the video as it is shown: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int


class Face(TypedDict):
    """A row of `contracts.FACE`: `time` in seconds from the start of the span, `quality` in [0, 1], `image` a JPEG.

    `person` is null where nobody knows who it is. `kept` is whether it is among the best; `speaking` in [0, 1] is null
    where it was not measured; `yaw`, `pitch` and `roll` are degrees, null where the detector finds no points;
    `embedding` has 128 numbers, of the best frontal faces of a track and where it was asked for.
    """

    time: float
    box: Box
    person: int | None
    quality: float
    kept: bool
    speaking: float | None
    yaw: float | None
    pitch: float | None
    roll: float | None
    embedding: list[float] | None
    image: bytes


@dataclass(frozen=True)
class Track:
    """One face in successive pictures of an utterance, with the sound at the time: what tells whether it speaks.

    The pictures are `speaking.crops.RATE` a second, the first at `start` seconds of the utterance. ``boxes`` is float32
    [n, 4], ``crops`` uint8 [n, side, side], ``sound`` float32 [4n, 13].
    """

    start: float
    boxes: "np.ndarray"
    crops: "np.ndarray"
    sound: "np.ndarray"


@dataclass
class Found:
    """An utterance's faces in order of time, and the tracks of those whose speaking is to be measured."""

    faces: list[Face] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)


@dataclass(frozen=True)
class Utterance:
    """Where in a video an utterance is, and whether words are said in it."""

    span: Span
    spoken: bool = True


# A video's path, its dataset's root and its utterances, to what is found in each of them, or why nothing is.
Finder = Callable[[str, str, Sequence[Utterance]], list[Found | RowError]]
