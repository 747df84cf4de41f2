"""What the models say of one film: its lines, and the faces seen in it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.video.faces import Box

SPEAKS = 0.5  # of a face's `speaking`, from which on it is drawn as the one that speaks
FRAME = 0.5  # seconds between two frames that are looked at, where a film has no two of them


@dataclass(frozen=True, eq=False)
class Line:
    """An utterance: `start` and `end` in seconds of the film, what is said, by whom, and the models' answers.

    `answers` holds float32 [7] by model, in the order of `EMOTIONS`, for the models that have one. `person` is whose
    face speaks.
    """

    number: int
    start: float
    end: float
    text: str
    speaker: str | None
    answers: Mapping[str, np.ndarray]
    person: int | None = None

    def likeliest(self, model: str) -> tuple[str, float] | None:
        """A model's emotion and its probability; None where it has no answer."""
        answer = self.answers.get(model)
        return None if answer is None else (EMOTIONS[int(answer.argmax())], float(answer.max()))


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face at a time of the film, in seconds: where, whose, how surely it speaks, and its answer, float32 [7].

    `person` is None where nobody knows whose it is, `name` where nobody knows what they are called.
    """

    time: float
    box: Box
    person: int | None
    quality: float
    speaking: float | None
    answer: np.ndarray
    name: str | None = None

    @property
    def emotion(self) -> str:
        """The likeliest emotion."""
        return EMOTIONS[int(self.answer.argmax())]

    @property
    def probability(self) -> float:
        """The probability of the likeliest emotion."""
        return float(self.answer.max())

    @property
    def speaks(self) -> bool:
        """Whether it is known to speak."""
        return self.speaking is not None and self.speaking >= SPEAKS


@dataclass(frozen=True, eq=False)
class Film:
    """One film: its `name` is the path that its rows have; lines and faces in order of time.

    `untimed` counts the rows that have no time in the film, and so are no lines.
    """

    name: str
    lines: tuple[Line, ...] = ()
    faces: tuple[SeenFace, ...] = ()
    untimed: int = field(default=0, compare=False)

    @property
    def title(self) -> str:
        """The name of its file."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def end(self) -> float:
        """The end of the last line or face, in seconds."""
        return max((*(line.end for line in self.lines), *(face.time for face in self.faces)), default=0.0)

    @property
    def people(self) -> list[int]:
        """The persons whose faces are seen."""
        return sorted({face.person for face in self.faces if face.person is not None})

    @cached_property
    def step(self) -> float:
        """Seconds between two frames that were looked at, by the median."""
        apart = [later - earlier for earlier, later in pairwise(sorted({face.time for face in self.faces}))]
        return float(np.median(apart)) if apart else FRAME

    def faces_by_time(self) -> Iterator[tuple[float, list[SeenFace]]]:
        """The faces of each frame that has some."""
        for time, faces in groupby(self.faces, key=lambda face: face.time):
            yield time, list(faces)

    def at(self, time: float) -> list[SeenFace]:
        """The faces of the frame that is nearest to a time."""
        nearest = min(self.faces, key=lambda face: abs(face.time - time), default=None)
        return [face for face in self.faces if nearest and face.time == nearest.time]

    def line_at(self, time: float) -> Line | None:
        """The line that is said at a time; of several, the one that began last."""
        return next((line for line in reversed(self.lines) if line.start <= time < line.end), None)


def film(name: str, scores: Iterable[Mapping[str, Any]], faces: Iterable[Mapping[str, Any]] = ()) -> Film:
    """The film of this name, from rows of a scores and of a faces table.

    A row without a start, or whose end is not after it, has no place in the film and is counted.
    """
    lines, untimed = [], 0
    for row in scores:
        line = _line(row)
        if line:
            lines.append(line)
        else:
            untimed += 1
    seen = [face for row in faces if (face := _face(row))]
    return Film(
        name,
        tuple(sorted(lines, key=lambda line: (line.start, line.end))),
        tuple(sorted(seen, key=lambda face: (face.time, -1 if face.person is None else face.person))),
        untimed,
    )


def _line(row: Mapping[str, Any]) -> Line | None:
    start, end = number(row.get("start")), number(row.get("end"))
    if start is None or end is None or end <= max(start, 0.0):
        return None
    answers = {model: answer for model in MODELS if (answer := _answer(row, probability_columns(model))) is not None}
    words = " ".join((row.get("utterance") or "").split())
    person = row.get("speaker_person")
    return Line(row["utterance_id"], max(start, 0.0), end, words, row.get("speaker"), answers, person)


def _face(row: Mapping[str, Any]) -> SeenFace | None:
    answer, box = _answer(row, EMOTIONS), row.get("box")
    if answer is None or box is None or row["time"] is None:
        return None
    person, quality, speaking = (number(row.get(name)) for name in ("person", "quality", "speaking"))
    whose = None if person is None else int(person)
    return SeenFace(row["time"], box, whose, quality or 0.0, speaking, answer, row.get("name"))


def _answer(row: Mapping[str, Any], names: Iterable[str]) -> np.ndarray | None:
    values = [number(row.get(name)) for name in names]
    return None if None in values else np.array(values, np.float32)


def number(value: object) -> float | None:
    """A value as a number; None where it is missing or not finite."""
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(value) else None
