"""A film's answers made by hand."""

import numpy as np
import pyarrow as pa

from emotionscope.film import answers
from emotionscope.film.answers import Film
from emotionscope.labels import EMOTIONS, MODELS
from tests.helpers.scores_tables import one_answer, scores

# Start, end, speaker, text, and the emotions by text, vision and fused.
Line = tuple[float | None, float | None, str | None, str, str | None, str | None, str | None]
LINES: tuple[Line, ...] = (
    (0.2, 1.0, "Anna", "You came back!", "joy", "surprise", "joy"),
    (1.0, 1.8, "Bo", "I said I would.", "neutral", None, "neutral"),
    (1.8, 2.9, "Anna", "Leave me alone.", "anger", "anger", "anger"),
)
# Time, person, emotion, how surely it speaks.
Seen = tuple[float, int, str, float | None]
FACES: tuple[Seen, ...] = (
    *((0.5 * number, 0, "joy" if number < 3 else "anger", 0.9 if number < 3 else None) for number in range(6)),
    (1.5, 1, "sadness", 0.1),
)


def scores_table(lines: tuple[Line, ...] = LINES, video: str | None = "film.mp4") -> pa.Table:
    """A scores table of one video."""
    start, end, speaker, text, *emotions = zip(*lines, strict=True)
    given = dict(zip(MODELS, ([one_answer(each) for each in row] for row in emotions), strict=True))
    more = {
        "utterance": pa.array(text, pa.string()),
        "video": pa.array([video] * len(lines), pa.string()),
        "start": pa.array(start, pa.float64()),
        "end": pa.array(end, pa.float64()),
        "speaker": pa.array(speaker, pa.string()),
        "speaker_person": pa.array([0] * len(lines), pa.int32()),
    }
    return scores([None] * len(lines), given, **more)


def faces_table(faces: tuple[Seen, ...] = FACES, video: str = "film.mp4") -> pa.Table:
    """A faces table of one video, in which each person stands in a place."""
    rows = [
        {
            "dialogue_id": "d",
            "utterance_id": 0,
            "video": video,
            "time": time,
            "person": person,
            "box": {"x": 10 + 70 * person, "y": 20, "w": 50, "h": 60},
            "quality": 0.8,
            "speaking": speaking,
            **dict(zip(EMOTIONS, one_answer(emotion), strict=True)),
        }
        for time, person, emotion, speaking in faces
    ]
    return pa.Table.from_pylist(rows)


def film(lines: tuple[Line, ...] = LINES, faces: tuple[Seen, ...] = FACES, name: str = "film.mp4") -> Film:
    """The film of these lines and faces."""
    rows = scores_table(lines).to_pylist() if lines else []
    return answers.film(name, rows, faces_table(faces).to_pylist() if faces else [])


def moving(seconds: float = 3.0, fps: int = 10, size: tuple[int, int] = (160, 120)) -> list[np.ndarray]:
    """Frames BGR of a plain picture that grows brighter."""
    return [np.full((size[1], size[0], 3), 60 + n % 100, np.uint8) for n in range(round(seconds * fps))]
