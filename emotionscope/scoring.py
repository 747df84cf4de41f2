"""Score one table of utterances with a bundle's models: a plain function, the heart of the score job."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotionscope import tables
from emotionscope.bundle import Bundle
from emotionscope.errors import RowError
from emotionscope.fusion import TEXT_ALONE, Probabilities
from emotionscope.labels import EMOTIONS, MODELS, probability_columns

NOTHING = "nothing to score: no text and no face"


def score(table: pa.Table, bundle: Bundle) -> pa.Table:
    """Score keyframes rows; the faces of all of them go through the network in full batches.

    A missing modality gives nulls for its model. Rows with neither give nulls and an ``error``.
    """
    text, faces, face_errors = probabilities(table, bundle)
    fused = (bundle.fusion or TEXT_ALONE).probabilities(text, faces)
    errors = []
    for row, video_error in enumerate(tables.filled(table, "video_error", pa.string()).to_pylist()):
        reasons = [reason for reason in (video_error, face_errors[row]) if reason]
        if np.isnan(fused[row, 0]):
            reasons.append(NOTHING)
        errors.append("; ".join(reasons) or None)
    arrays = {name: table[name] for name in table.column_names if name not in ("faces", "video_error")}
    for model, values in zip(MODELS, (text, faces, fused), strict=True):
        arrays |= _columns(model, values)
    arrays["faces"] = pc.fill_null(pc.list_value_length(tables.filled(table, "faces", tables.FACES)), 0)
    arrays["error"] = pa.array(errors, pa.string())
    arrays["bundle"] = pa.array([bundle.version] * len(table), pa.string())
    return tables.conform(pa.table(arrays), tables.scores_schema(table.schema))


def probabilities(table: pa.Table, bundle: Bundle) -> tuple[Probabilities, Probabilities, list[str | None]]:
    """The text's and the faces' probabilities, float32 [rows, 7] each, NaN where missing; and faces' errors."""
    text = _text_probabilities(table["utterance"].to_pylist(), bundle)
    return text, *_face_probabilities(tables.filled(table, "faces", tables.FACES).to_pylist(), bundle)


def missing(rows: int) -> Probabilities:
    """Probabilities float32 [rows, 7] of a missing modality: NaN."""
    return np.full((rows, len(EMOTIONS)), np.nan, dtype=np.float32)


def _text_probabilities(texts: Sequence[str | None], bundle: Bundle) -> Probabilities:
    result = missing(len(texts))
    spoken = [row for row, text in enumerate(texts) if text and not text.isspace()]
    if spoken:
        result[spoken] = bundle.text.probabilities([texts[row] or "" for row in spoken])
    return result


def _face_probabilities(rows: Sequence[list[dict] | None], bundle: Bundle) -> tuple[Probabilities, list[str | None]]:
    result = missing(len(rows))
    errors: list[str | None] = [None] * len(rows)
    if bundle.vision is None:
        return result, errors
    from emotionscope import vision  # brings torch, which a worker that reads text alone starts without

    images, owners, faces = [], [], []
    for row, found in enumerate(rows):
        for face in found or ():
            try:
                images.append(bundle.vision.decode(face["image"]))
            except RowError as error:
                errors[row] = str(error)
                continue
            owners.append(row)
            faces.append(face)
    if images:
        predicted = bundle.vision.predict(np.stack(images))
        owner = np.array(owners)
        quality, person = (np.array([face[key] for face in faces]) for key in ("quality", "person"))
        for row in np.unique(owner):
            own = owner == row
            result[row] = vision.pool(predicted[own], quality[own], person[own])
    return result, errors


def _columns(model: str, probabilities: Probabilities) -> dict[str, pa.Array]:
    absent = np.isnan(probabilities[:, 0])
    best = np.array(EMOTIONS, dtype=object)[np.nan_to_num(probabilities).argmax(axis=1)]
    columns = {f"{model}_emotion": pa.array(best, pa.string(), mask=absent)}
    for name, values in zip(probability_columns(model), probabilities.T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(values), pa.float32(), mask=absent)
    return columns
