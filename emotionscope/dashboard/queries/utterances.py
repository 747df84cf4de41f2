"""An utterance as the pages show it: a row of a scores table as a record."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from emotionscope.fusion import Probabilities
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.video.faces import Span


@dataclass(frozen=True)
class Utterance:
    """What a row says; what is missing or empty is None.

    `probabilities` has float32 [7] by model, NaN where it says nothing, and `emotions` what it says. `label` is as it
    stands in the table. `span` is where the utterance lies in its video, in seconds. `heard` is whether the faces that
    count speak, as `Fusion.probabilities` takes it, and `listener` the emotion of those that listen.
    """

    dialogue: str
    number: int | None
    text: str | None
    speaker: str | None
    label: str | None
    error: str | None
    bundle: str
    probabilities: dict[str, Probabilities]
    emotions: dict[str, str | None]
    video: str | None
    span: Span
    heard: float
    listener: str | None

    @classmethod
    def of(cls, row: Mapping[Hashable, object]) -> Self:
        """The record of a row; columns that the table lacks are missing."""
        number = _number(row.get("utterance_id"))
        speaking, listener = _number(row.get("speaker_person")), _words(row.get("listener_emotion"))
        return cls(
            dialogue=str(row["dialogue_id"]),
            number=None if number is None else int(number),
            text=_words(row.get("utterance")),
            speaker=_words(row.get("speaker")),
            label=_words(row.get("emotion")),
            error=_words(row.get("error")),
            bundle=str(row["bundle"]),
            probabilities={
                model: np.array([row[name] for name in probability_columns(model)], np.float32) for model in MODELS
            },
            emotions={model: _words(row.get(f"{model}_emotion")) for model in MODELS},
            video=_words(row.get("video")),
            span=(_number(row.get("start")), _number(row.get("end"))),
            heard=1.0 if speaking is not None else 0.0 if listener else np.nan,
            listener=listener,
        )

    def likeliest(self, model: str) -> tuple[str, float] | None:
        """A model's emotion and its probability; None where it has none of the seven."""
        emotion = self.emotions[model]
        if emotion not in EMOTIONS:
            return None
        return emotion, float(self.probabilities[model][EMOTIONS.index(emotion)])


def _words(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _number(value: object) -> float | None:
    if isinstance(value, int | float | np.number) and np.isfinite(value):
        return float(value)
    return None
