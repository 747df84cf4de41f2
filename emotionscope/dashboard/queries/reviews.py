"""What people say of answers: stored beside the archive, and exported as labels to learn from.

Each save is a small file of its own with a new name. It is never written again, so of many people who save at once, on
one machine or on several, none can take away what another has saved. Reading puts the files together.
"""

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables.contracts import DIALOGUES, KEY, KEYFRAMES

FOLDER = "_reviews"  # beside the parts of the scores, which are found by names without an underscore
READERS = 16  # files read at once


@dataclass(frozen=True)
class Review:
    """What one reviewer says of one utterance.

    `answer` is the fused answer that was reviewed, `emotion` the right one, None where it cannot be told. A review that
    is `withdrawn` takes back those that its reviewer has made of the utterance before. `time` is ISO 8601, in UTC.
    """

    dialogue_id: str
    utterance_id: int
    reviewer: str
    answer: str
    emotion: str | None
    note: str
    time: str
    withdrawn: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """The utterance."""
        return self.dialogue_id, self.utterance_id


def folder_beside(scores: str) -> Place:
    """Where the reviews of a scores table lie."""
    return Place(scores.rpartition("/")[0] if scores.endswith(".parquet") else scores) / FOLDER


def add(scores: str, review: Review) -> None:
    """Store a review. Raises OSError where the archive's folder cannot be written."""
    (folder_beside(scores) / f"{uuid.uuid4().hex}.json").write_json(asdict(review))


def read(scores: str) -> list[Review]:
    """The last review of each utterance by each reviewer, in order of time, without those withdrawn.

    Raises UserError where a file is no review, and OSError where one cannot be read.
    """
    files = folder_beside(scores).list(".json")
    with ThreadPoolExecutor(READERS) as readers:
        found = sorted(readers.map(_stored, (file.uri for file in files)), key=lambda review: review.time)
    last = {(review.key, review.reviewer): review for review in found}
    return sorted((review for review in last.values() if not review.withdrawn), key=lambda review: review.time)


@lru_cache(maxsize=100_000)
def _stored(place: Place) -> Review:
    """The review of a file, which never changes."""
    try:
        review = Review(**place.read_json())
    except (ValueError, TypeError) as error:
        raise UserError(f"{place}: not a review ({error})") from error
    if review.emotion not in (None, *EMOTIONS):
        raise UserError(f"{place}: not a review (emotion {review.emotion!r})")
    return review


def labels(right: Mapping[tuple[str, int], str], rows: pa.Table) -> pa.Table:
    """The utterances in `right` with the right emotion as their label: a table that the training jobs take.

    `rows` are those of a keyframes or a scores table; of the latter the columns of dialogues are kept. Utterances
    without a split go to split train.
    """
    keys = list(zip(*(rows[name].to_pylist() for name in KEY), strict=True))
    rows = rows.filter(pa.array([key in right for key in keys], pa.bool_()))
    contract = KEYFRAMES if "faces" in rows.column_names else DIALOGUES
    rows = rows.select([name for name in rows.column_names if name in {each.name for each in contract.columns}])
    emotions = pa.array([right[key] for key in keys if key in right], pa.string())
    splits = rows["split"].to_pylist() if "split" in rows.column_names else [None] * len(rows)
    filled = pa.array([split or "train" for split in splits], pa.string())
    for name, values in (("emotion", emotions), ("split", filled)):
        if name in rows.column_names:
            rows = rows.drop_columns(name)
        rows = rows.append_column(name, values)
    return rows


def by_utterance(reviews: Sequence[Review]) -> dict[tuple[str, int], list[Review]]:
    """The reviews of each utterance, in the order given."""
    found: dict[tuple[str, int], list[Review]] = {}
    for review in reviews:
        found.setdefault(review.key, []).append(review)
    return found
