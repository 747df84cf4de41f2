"""Labelled faces to train on: a keyframes table, or any Parquet of face images with emotion and split."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from emotionscope.errors import RowError, UserError
from emotionscope.io import storage, tables
from emotionscope.labels import EMOTIONS, SPLITS, canonical, canonical_or_none, canonical_split
from emotionscope.vision.preprocessing import decode, face_weights

ROWS = 256  # read at a time
READERS = 8  # files looked at at once


@dataclass(frozen=True)
class Span:
    """A row group of a file, and the column its faces stand in: ``faces`` or ``image``."""

    uri: str
    row_group: int
    column: str


@dataclass(frozen=True)
class LabelledFaces:
    """What a dataset offers for training, by split.

    `spans` are where the split's rows stand, `faces` counts its faces, and `classes`, float64 [7], its
    utterances with faces (or its images) by emotion. `left_out` counts rows that are not used, by reason.
    """

    dataset: tables.Dataset
    spans: dict[str, list[Span]]
    faces: dict[str, int]
    classes: dict[str, np.ndarray]
    left_out: dict[str, int]


def survey(uri: str) -> LabelledFaces:
    """Check a dataset of labelled faces and count what it holds, without reading an image.

    Raises UserError where it is no such dataset, names an unknown emotion, or has no face to train on or to
    choose the best epoch by.
    """
    dataset = tables.open_dataset(uri, "labelled faces")
    column = next((name for name in ("faces", "image") if name in dataset.schema.names), None)
    if column is None:
        raise UserError(f"{uri}: no column 'faces' (a keyframes table) and no column 'image' (face images)")
    spans: dict[str, list[Span]] = {split: [] for split in SPLITS}
    faces = dict.fromkeys(SPLITS, 0)
    classes = {split: np.zeros(len(EMOTIONS)) for split in SPLITS}
    left_out: Counter[str] = Counter()
    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(lambda part: _count(part.uri, column), dataset.parts):
            for span, count, missed in found:
                left_out.update(missed)
                for (split, emotion), (n, utterances) in count.items():
                    faces[split] += n
                    classes[split][EMOTIONS.index(emotion)] += utterances
                for split in {split for split, _ in count}:
                    spans[split].append(span)
    for split in ("train", "dev"):
        if not faces[split]:
            hint = " (use that of a validation set to choose the best epoch)" if split == "dev" else ""
            raise UserError(f"{uri}: no labelled face of split {split!r}{hint}")
    return LabelledFaces(dataset, spans, faces, classes, dict(left_out))


def _count(uri: str, column: str) -> list[tuple[Span, dict[tuple[str, str], tuple[int, int]], Counter[str]]]:
    """For each row group of a file: faces and utterances by split and emotion, and rows left out by reason."""
    filesystem, path = storage.filesystem(uri)
    result = []
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        leaves = [file.schema.column(i).path for i in range(len(file.schema))]
        quality = [leaf for leaf in leaves if leaf.startswith("faces.") and leaf.endswith(".quality")]
        if column == "faces" and not quality:
            raise UserError(f"{uri}: the column 'faces' is not that of a keyframes table")
        narrow = [*quality, *(leaf for leaf in leaves if leaf in ("emotion", "split", "duplicate"))]
        for group in range(file.num_row_groups):
            faces: Counter[tuple[str, str]] = Counter()
            utterances: Counter[tuple[str, str]] = Counter()
            left_out: Counter[str] = Counter()
            for row in file.read_row_group(group, columns=narrow).to_pylist():
                try:
                    key, reason = _wanted(row)
                except ValueError as error:
                    raise UserError(f"{uri}: column 'emotion': {error}") from error
                n = 1 if column == "image" else len(row["faces"] or ())
                if key and n:
                    faces[key] += n
                    utterances[key] += 1
                else:
                    left_out[reason or "no face"] += 1
            result.append((Span(uri, group, column), {key: (faces[key], utterances[key]) for key in faces}, left_out))
    return result


def _wanted(row: dict) -> tuple[tuple[str, str] | None, str]:
    """A row's split and emotion, or None and why it is not used. Raises ValueError for an unknown emotion."""
    split = canonical_split(row["split"])
    if row.get("duplicate"):
        return None, "duplicate"
    if split is None or split not in SPLITS:
        return None, f"split {row['split']!r}"
    emotion = canonical_or_none(row["emotion"])
    return (None, "no emotion") if emotion is None else ((split, emotion), "")


def read(span: Span, split: str, size: int) -> Iterator[dict[str, np.ndarray]]:
    """The faces of one split in a span, in batches.

    Each batch holds ``face`` uint8 [n, size, size], ``label`` int64 [n] (a position in `EMOTIONS`) and ``weight``
    float32 [n]. An utterance's faces share its label, which listeners do not: they are weighted by
    `preprocessing.face_weights`, so that each utterance counts once. Images that cannot be read are left out.
    """
    filesystem, path = storage.filesystem(span.uri)
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        names = [name for name in ("emotion", "split", "duplicate", span.column) if name in file.schema_arrow.names]
        for batch in file.iter_batches(ROWS, row_groups=[span.row_group], columns=names):
            faces, labels, weights = [], [], []
            for row in batch.to_pylist():
                key, _ = _wanted(row)
                if key is None or key[0] != split:
                    continue
                for image, weight in _images(row[span.column]):
                    try:
                        faces.append(decode(image, size))
                    except RowError:
                        continue  # counted by the caller, who knows how many faces there are
                    labels.append(EMOTIONS.index(canonical(row["emotion"])))
                    weights.append(weight)
            if faces:
                yield {
                    "face": np.stack(faces),
                    "label": np.array(labels, np.int64),
                    "weight": np.array(weights, np.float32),
                }


def _images(value: object) -> list[tuple[bytes, float]]:
    """The encoded images of a row's cell with their weights: bytes, a struct with ``bytes``, or a list of faces."""
    if isinstance(value, list):
        if not value:
            return []
        weights = face_weights(np.array([f["quality"] for f in value], float), np.array([f["person"] for f in value]))
        return [(face["image"] or b"", float(weight)) for face, weight in zip(value, weights, strict=True)]
    if isinstance(value, dict):
        value = value.get("bytes")
    return [(value if isinstance(value, bytes) else b"", 1.0)]


def describe(faces: LabelledFaces) -> str:
    """One line for people: the faces of each split, and the rows left out with the reasons."""
    counts = ", ".join(f"{faces.faces[split]:,} {split}" for split in SPLITS)
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(faces.left_out.items()))
    return f"{counts} faces" + (f"; rows left out: {reasons}" if reasons else "")
