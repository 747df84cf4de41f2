"""Labelled faces to train on: a keyframes table, or any Parquet of face images with a split and a label."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from emotionscope.errors import RowError, UserError, commonest
from emotionscope.labels import EMOTIONS, SPLITS, canonical_split
from emotionscope.storage.place import Place
from emotionscope.tables import columns, datasets, parquet_files
from emotionscope.video.detection import Detector
from emotionscope.vision.pooling import attend
from emotionscope.vision.preprocessing import decode, decode_aligned
from emotionscope.vision.votes import target, vote_columns

ROWS = 256  # read at a time
READERS = 8  # files looked at at once
_LABELS = ("emotion", "split")


@dataclass(frozen=True)
class RowGroup:
    """A row group of a file, the column its faces stand in, ``faces`` or ``image``, and its Hive partition."""

    uri: str
    number: int
    column: str
    partition: str = ""


@dataclass(frozen=True)
class LabelledFaces:
    """What a dataset offers for training, by split.

    `row_groups` are where the split's rows stand, `faces` counts its faces, and `classes`, float64 [7], its
    utterances with faces (or its images) by emotion, in shares where the label is a distribution. `votes` tells
    whether it is. `left_out` counts rows that are not used, by reason.
    """

    dataset: datasets.Dataset
    votes: bool
    row_groups: dict[str, list[RowGroup]]
    faces: dict[str, int]
    classes: dict[str, np.ndarray]
    left_out: dict[str, int]


def scan(uri: str) -> LabelledFaces:
    """Check a dataset of labelled faces and count what it holds, without reading an image.

    Raises UserError where it is no such dataset, or has no face to train on or to choose the best epoch by.
    """
    dataset = datasets.open_dataset(uri, "labelled faces")
    column = next((name for name in ("faces", "image") if name in dataset.schema.names), None)
    if column is None:
        raise UserError(f"{uri}: no column 'faces' (a keyframes table) and no column 'image' (face images)")
    votes = bool(vote_columns(dataset.schema.names))
    if not votes and "emotion" not in dataset.schema.names:
        raise UserError(f"{uri}: no column 'emotion', and no columns of votes for each of {', '.join(EMOTIONS)}")
    _check_types(dataset, column, vote_columns(dataset.schema.names))
    row_groups: dict[str, list[RowGroup]] = {split: [] for split in SPLITS}
    faces = dict.fromkeys(SPLITS, 0)
    classes = {split: np.zeros(len(EMOTIONS)) for split in SPLITS}
    left_out: Counter[str] = Counter()
    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(lambda part: _count(part.uri, column, part.partition), dataset.parts):
            for group, count, missed in found:
                left_out.update(missed)
                for split, (n, utterances) in count.items():
                    faces[split] += n
                    classes[split] += utterances
                    row_groups[split].append(group)
    for split in ("train", "dev"):
        if not faces[split]:
            hint = " (use that of a validation set to choose the best epoch)" if split == "dev" else ""
            raise UserError(f"{uri}: no labelled face of split {split!r}{hint}{_left_out(left_out)}")
    return LabelledFaces(dataset, votes, row_groups, faces, classes, dict(left_out))


def _check_types(dataset: datasets.Dataset, column: str, votes: Iterable[str]) -> None:
    """Raise UserError where the images or the votes are of a type that holds neither."""
    kind = dataset.schema.field(column).type
    if column == "image" and pa.types.is_struct(kind):
        kind = next((field.type for field in kind if field.name == "bytes"), kind)
    if column == "image" and not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise UserError(f"{dataset.uri}: column 'image' is {kind}, and must be the bytes of a picture")
    for name in votes:
        kind = dataset.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise UserError(f"{dataset.uri}: column {name!r} is {kind}, and must be a number of votes")


def _count(
    uri: str, column: str, partition: str
) -> list[tuple[RowGroup, dict[str, tuple[int, np.ndarray]], Counter[str]]]:
    """For each row group of a file: faces, and utterances by emotion, of each split; and rows left out by reason."""
    result = []
    with parquet_files.open_file(Place(uri)) as file:
        leaves = [file.schema.column(i).path for i in range(len(file.schema))]
        kept = [leaf for leaf in leaves if leaf.startswith("faces.") and leaf.endswith(".kept")]
        if column == "faces" and not kept:
            raise UserError(f"{uri}: the column 'faces' is not that of a keyframes table")
        votes = vote_columns(file.schema_arrow.names)
        narrow = [*kept, *_label_columns(file.schema_arrow.names)]
        for group in range(file.num_row_groups):
            found: dict[str, tuple[int, np.ndarray]] = {}
            left_out: Counter[str] = Counter()
            for row in _rows(file.read_row_group(group, columns=narrow), partition):
                label, reason = _label(row, votes)
                n = 1 if column == "image" else sum(bool(face["kept"]) for face in row["faces"] or ())
                if label and n:
                    split, emotions = label
                    faces, utterances = found.get(split, (0, np.zeros(len(EMOTIONS))))
                    utterances += emotions
                    found[split] = faces + n, utterances
                else:
                    left_out[reason or "no face"] += 1
            result.append((RowGroup(uri, group, column, partition), found, left_out))
    return result


def _rows(table: pa.Table, partition: str) -> list[Mapping[str, Any]]:
    """Rows with valid text as their labels, those that the file's folder tells among them."""
    told = {name: value for name, value in parquet_files.partition_values(partition).items() if name in _LABELS}
    for name in _LABELS:
        if name in table.column_names:
            column = columns.cast(table[name], pa.string())
            table = table.set_column(table.column_names.index(name), name, column)
    return [{**told, **row} for row in table.to_pylist()]


def _label_columns(names: Iterable[str]) -> list[str]:
    known = {"emotion", "split", "duplicate", *vote_columns(names)}
    return [name for name in names if name in known]


def _label(row: Mapping[str, Any], votes: dict[str, str]) -> tuple[tuple[str, np.ndarray] | None, str]:
    """A row's split and its distribution over the emotions, float32 [7]; or None and why it is not used."""
    split = canonical_split(row["split"])
    if row.get("duplicate"):
        return None, "duplicate"
    if split is None or split not in SPLITS:
        return None, f"split {row['split']!r}"
    emotions, reason = target(row, votes)
    return (None, reason) if emotions is None else ((split, emotions), "")


def read(group: RowGroup, split: str, size: int) -> Iterator[dict[str, np.ndarray]]:
    """The faces of one split in a row group, in batches.

    Each batch holds ``face`` uint8 [n, size, size], ``target`` float32 [n, 7] (in `EMOTIONS` order; rows sum to 1) and
    ``weight`` float32 [n]. The faces that are kept of an utterance share its label, which listeners do not: they are
    weighted by `pooling.attend`, so that each utterance counts once. Images that cannot be read are left out. Those of
    a keyframes table are aligned already; others are aligned here.
    """
    detector = Detector() if group.column == "image" else None
    with parquet_files.open_file(Place(group.uri)) as file:
        votes = vote_columns(file.schema_arrow.names)
        names = [*_label_columns(file.schema_arrow.names), group.column]
        for batch in file.iter_batches(ROWS, row_groups=[group.number], columns=names):
            faces, targets, weights = [], [], []
            for row in _rows(pa.Table.from_batches([batch]), group.partition):
                label, _ = _label(row, votes)
                if label is None or label[0] != split:
                    continue
                for image, weight in _images(row[group.column]):
                    try:
                        faces.append(decode_aligned(image, size, detector) if detector else decode(image, size))
                    except RowError:
                        continue  # counted by the caller, who knows how many faces there are
                    targets.append(label[1])
                    weights.append(weight)
            if faces:
                yield {
                    "face": np.stack(faces),
                    "target": np.stack(targets),
                    "weight": np.array(weights, np.float32),
                }


def _images(value: object) -> list[tuple[bytes, float]]:
    """The encoded images of a row's cell with their weights: bytes, a struct with ``bytes``, or a list of faces."""
    if isinstance(value, list):
        kept = [face for face in value if face["kept"]]
        if not kept:
            return []
        quality, person, speaking = (
            np.array([face[name] for face in kept], float) for name in ("quality", "person", "speaking")
        )
        weights = attend(quality, person, speaking).weights
        return [(face["image"] or b"", float(weight)) for face, weight in zip(kept, weights, strict=True) if weight]
    if isinstance(value, dict):
        value = value.get("bytes")
    return [(value if isinstance(value, bytes) else b"", 1.0)]


def describe(faces: LabelledFaces) -> str:
    """One line for people: the faces of each split, and the rows left out with the reasons."""
    counts = ", ".join(f"{faces.faces[split]:,} {split}" for split in SPLITS)
    return f"{counts} faces{_left_out(faces.left_out)}"


def _left_out(reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{n:,} {reason}" for reason, n in commonest(reasons))
    return f"; rows left out: {told}" if told else ""
