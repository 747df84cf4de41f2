"""The moments of a film that are worth looking at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

from emotionscope.film.answers import Film, Line, SeenFace
from emotionscope.labels import EMOTIONS

MOST = 9
SHIFTS, CONTRADICTIONS = 3, 3  # of each kind, at most
APART = 1.0  # seconds between two moments of faces, at least
SURE = 0.4  # probability from which on an answer counts

Item = TypeVar("Item", Line, SeenFace)


@dataclass(frozen=True, eq=False)
class Moment:
    """A time of the film, in seconds, why it is worth looking at, and the line that is said then, if one is."""

    time: float
    reason: str
    line: Line | None = None


def choose(film: Film, model: str) -> list[Moment]:
    """At most `MOST` moments, in order of time, no line twice.

    They are the surest line of each emotion but neutral, by the `model`; the largest shifts from one line to the next;
    the lines in which text and faces contradict each other most surely; and the surest face of each emotion.
    """
    chosen: list[Moment] = []
    for moment in (*_surest(film, model), *_shifts(film, model), *_contradictions(film), *_faces(film)):
        taken = any(
            moment.line is other.line if moment.line and other.line else abs(moment.time - other.time) < APART
            for other in chosen
        )
        if not taken:
            chosen.append(moment)
    return sorted(chosen[:MOST], key=lambda moment: moment.time)


def _surest(film: Film, model: str) -> list[Moment]:
    found = []
    for emotion in EMOTIONS:
        sure = _best(film.lines, partial(_sureness, model=model, emotion=emotion))
        if emotion != "neutral" and sure:
            found.append(_at(film, sure, f"the surest {emotion}"))
    return found


def _sureness(line: Line, model: str, emotion: str) -> float:
    answer = line.likeliest(model)
    return answer[1] if answer and answer[0] == emotion and answer[1] >= SURE else 0.0


def _shifts(film: Film, model: str) -> list[Moment]:
    found: list[tuple[float, Moment]] = []
    for before, after in pairwise(film.lines):
        first, then = before.likeliest(model), after.likeliest(model)
        if first and then and first[0] != then[0]:
            moment = _at(film, after, f"a shift from {first[0]} to {then[0]}")
            found.append((min(first[1], then[1]), moment))
    return _largest(found, SHIFTS)


def _contradictions(film: Film) -> list[Moment]:
    found: list[tuple[float, Moment]] = []
    for line in film.lines:
        words, faces = line.likeliest("text"), line.likeliest("vision")
        if words and faces and words[0] != faces[0]:
            moment = _at(film, line, f"the words say {words[0]}, the faces {faces[0]}")
            found.append((min(words[1], faces[1]), moment))
    return _largest(found, CONTRADICTIONS)


def _faces(film: Film) -> list[Moment]:
    found = []
    for emotion in EMOTIONS:
        sure = _best(film.faces, partial(_face_sureness, emotion=emotion))
        if emotion != "neutral" and sure:
            found.append(Moment(sure.time, f"the surest face of {emotion}", film.line_at(sure.time)))
    return found


def _face_sureness(face: SeenFace, emotion: str) -> float:
    return face.probability * face.quality if face.emotion == emotion and face.probability >= SURE else 0.0


def _largest(found: list[tuple[float, Moment]], count: int) -> list[Moment]:
    sure = sorted((each for each in found if each[0] >= SURE), key=lambda each: -each[0])
    return [moment for _, moment in sure[:count]]


def _best(items: Iterable[Item], worth: Callable[[Item], float]) -> Item | None:
    """The item that is worth most; None where none is worth anything."""
    best = max(items, key=worth, default=None)
    return best if best is not None and worth(best) > 0 else None


def _at(film: Film, line: Line, reason: str) -> Moment:
    """A moment of a line: that of the speaker's face, or else of the face, that shows its emotion most surely."""
    seen: Sequence[SeenFace] = [face for face in film.faces if line.start <= face.time < line.end]
    seen = [face for face in seen if line.person is not None and face.person == line.person] or seen
    best = max(seen, key=lambda face: (face.emotion != "neutral", face.probability * face.quality), default=None)
    return Moment(best.time if best else (line.start + line.end) / 2, reason, line)
