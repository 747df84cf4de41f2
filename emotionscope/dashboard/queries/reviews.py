"""Reviews of answers: stored beside the archive, and exported as labels for training."""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables.contracts import DIALOGUES, KEY, KEYFRAMES

FILE = "_reviews.jsonl"  # a line a review; of two of one utterance the later counts
_writing = threading.Lock()


@dataclass(frozen=True)
class Review:
    """One utterance, the fused answer that was reviewed, the right emotion (None: cannot be told), and a note."""

    dialogue_id: str
    utterance_id: int
    answer: str
    emotion: str | None
    note: str
    time: str

    @property
    def key(self) -> tuple[str, int]:
        """The utterance."""
        return self.dialogue_id, self.utterance_id


def path_beside(scores: str) -> Place:
    """Where the reviews of a scores table lie."""
    folder = scores.rpartition("/")[0] if scores.endswith(".parquet") else scores
    return Place(folder) / FILE


def read(scores: str) -> list[Review]:
    """All reviews of a scores table, the last of each utterance. Raises UserError where the file cannot be read."""
    path = path_beside(scores)
    try:
        lines = path.read_bytes().decode().splitlines()
    except FileNotFoundError:
        return []
    try:
        found = [Review(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not a file of reviews ({error})") from error
    return list({review.key: review for review in found if review.emotion in (None, *EMOTIONS)}.values())


def add(scores: str, review: Review) -> None:
    """Store a review. Raises OSError where the archive's folder cannot be written."""
    with _writing:
        kept = [each for each in read(scores) if each.key != review.key]
        lines = [json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in [*kept, review]]
        path_beside(scores).write_bytes("".join(lines).encode())


def labels(reviews: Sequence[Review], rows: pa.Table) -> pa.Table:
    """The reviewed utterances with the right emotion as their label: a table that the training jobs take.

    `rows` are those of a keyframes or a scores table; of the latter the columns of dialogues are kept. Utterances
    without a split go to split train.
    """
    right = {review.key: review.emotion for review in reviews if review.emotion}
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
