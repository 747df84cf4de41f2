"""The records that `evaluation.evaluate` returns; `Figures.to_json` is what ``metrics.json`` holds."""

from dataclasses import asdict, dataclass

from emotionscope.storage.place import JsonObject

Interval = tuple[float, float]


@dataclass(frozen=True)
class Floor:
    """The figures of always answering the most frequent emotion."""

    emotion: str
    n: int
    weighted_f1: float
    macro_f1: float
    accuracy: float


@dataclass(frozen=True)
class Headline:
    """A model's main figures on `n` rows."""

    n: int
    weighted_f1: float
    macro_f1: float
    accuracy: float
    expected_calibration_error: float


@dataclass(frozen=True)
class Measured(Headline):
    """The main figures with a 95% bootstrap interval of weighted F1."""

    weighted_f1_interval: Interval


@dataclass(frozen=True)
class EmotionFigures:
    """How well one emotion is recognised; `support` counts the rows labelled with it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The `n` rows whose top probability lies in (low, high], its mean, and their share of right answers."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ModelFigures(Measured):
    """Everything about one model on the rows it answered; `confusion` counts rows by label, then answer."""

    floor: Floor
    per_emotion: dict[str, EmotionFigures]
    confusion: dict[str, dict[str, int]]
    reliability: list[ReliabilityBin]


@dataclass(frozen=True)
class Difference:
    """A paired difference of two models' weighted F1 with its 95% bootstrap interval."""

    weighted_f1: float
    interval: Interval


@dataclass(frozen=True)
class SameRows:
    """The models on the `n` rows that all of them answered; `differences` by names such as ``fused - text``."""

    n: int
    floor: Floor | None
    models: dict[str, Measured]
    differences: dict[str, Difference]


@dataclass(frozen=True)
class Group:
    """Some rows, and the main figures of each model that answered any of them."""

    n: int
    models: dict[str, Headline]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer of `model`; `times` counts the mistakes with the same text, label and answer."""

    dialogue_id: str | None
    utterance_id: int | None
    speaker: str | None
    utterance: str | None
    emotion: str
    model: str
    probability: float
    answers: dict[str, str | None]
    times: int


@dataclass(frozen=True)
class RowCounts:
    """Rows of the table, rows with a usable label that were measured, and rows without one by reason."""

    table: int
    labelled: int
    left_out: dict[str, int]


@dataclass(frozen=True)
class Figures:
    """All figures of a scores table; groups are by name, and what is by model has only models with answers."""

    split: str | None
    rows: RowCounts
    bundle: list[str]
    errors: dict[str, int]
    support: dict[str, int]
    floor: Floor
    models: dict[str, ModelFigures]
    same_rows: SameRows
    by_faces: dict[str, Group]
    by_speaker: dict[str, Group]
    by_length: dict[str, Group]
    other_splits: dict[str, Group]
    mistakes: list[Mistake]

    def to_json(self) -> JsonObject:
        """The figures as JSON values."""
        return asdict(self)
