"""Score one table of utterances with a bundle's models: plain functions that the score job runs.

There are three steps, because each may run on another machine: decode the face crops (CPU), predict them (CPU or GPU),
then predict the text and fuse both (CPU).
"""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotionscope.errors import RowError
from emotionscope.fusion import TEXT_ALONE, Probabilities
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.tables import columns, contracts, datasets
from emotionscope.tables.contracts import INTERNAL
from emotionscope.text.blank import has_text
from emotionscope.vision import pooling, preprocessing

if TYPE_CHECKING:
    from emotionscope.bundle.store import Bundle
    from emotionscope.vision.model import VisionModel

NOTHING = "nothing to score: no text and no face"
UNREAD = "nothing to score: the text model knows none of the words, and no face"
# Columns between the steps: an utterance's decoded faces, why one is missing, what the network makes of them all,
# whether those that count speak, who speaks, and the emotion of those who listen.
_FACES, _FACE_ERROR, _PREDICTED = f"{INTERNAL}faces", f"{INTERNAL}face_error", f"{INTERNAL}predicted"
_COUNT, _HEARD, _SPEAKER, _LISTENER = (f"{INTERNAL}{name}" for name in ("face_count", "heard", "speaker", "listener"))
_OWN = ("faces", "video_error", _COUNT, _FACES, _FACE_ERROR, _PREDICTED, _HEARD, _SPEAKER, _LISTENER)
# Of each face, to the faces table.
_CARRIED = ("time", "person", "box", "quality", "speaking", "yaw", "pitch", "roll", "embedding")


def score(table: pa.Table, bundle: "Bundle") -> pa.Table:
    """Score keyframes rows; the faces of all of them go through the network in full batches.

    A missing modality gives nulls for its model. Rows with neither give nulls and an ``error``.
    """
    return fuse(_predict(table, bundle), bundle)


def probabilities(table: pa.Table, bundle: "Bundle") -> tuple[Probabilities, Probabilities, np.ndarray]:
    """The text's and the faces' probabilities, float32 [rows, 7] each, NaN where missing, and whether the faces speak.

    The last is float [rows], as `Fusion.probabilities` takes it.
    """
    predicted = _predict(table, bundle)
    return bundle.text.probabilities(table["utterance"].to_pylist()), _face_probabilities(predicted), _heard(predicted)


def missing(rows: int) -> Probabilities:
    """Probabilities float32 [rows, 7] of a missing modality: NaN."""
    return np.full((rows, len(EMOTIONS)), np.nan, dtype=np.float32)


def _predict(table: pa.Table, bundle: "Bundle") -> pa.Table:
    return predict_faces(read_faces(table, bundle.vision.image_size), bundle.vision) if bundle.vision else table


def read_faces(table: pa.Table, size: int) -> pa.Table:
    """Keyframes rows with their face crops decoded to grey squares of `size` pixels, and counted."""
    rows: list[list[dict[str, object]]] = []
    errors: list[str | None] = []
    column = datasets.column_or_nulls(table, "faces", contracts.FACES)
    for faces in column.to_pylist():
        good, error = [], None
        for face in faces or ():
            try:
                good.append({**face, "pixels": preprocessing.decode(face["image"], size).tobytes()})
            except RowError as reason:
                error = str(reason)
        rows.append(good)
        errors.append(error)
    carried = [contracts.FACE.field(name) for name in _CARRIED]
    face = pa.struct([*carried, pa.field("pixels", pa.binary(size * size))])
    made = {
        _COUNT: pc.list_value_length(column),
        _FACES: pa.array(rows, pa.list_(face)),
        _FACE_ERROR: pa.array(errors, pa.string()),
    }
    return pa.table({**{name: table[name] for name in table.column_names if name != "faces"}, **made})


def predict_faces(table: pa.Table, model: "VisionModel") -> pa.Table:
    """Rows of `read_faces` with the utterance's probabilities, and those of each face in place of its pixels."""
    faces, size = table[_FACES].combine_chunks(), model.image_size
    *carried, pixels = faces.flatten().flatten()
    images = np.frombuffer(b"".join(pixels.to_pylist()), np.uint8).reshape(-1, size, size)
    predicted = model.predict(images)
    face = dict(zip(_CARRIED, carried, strict=True))
    # NaN where null
    numbers = [face[name].to_numpy(zero_copy_only=False).astype(float) for name in ("quality", "person", "speaking")]
    times = face["time"].to_numpy(zero_copy_only=False)
    ends = np.cumsum(pc.list_value_length(faces).to_numpy())
    result = missing(len(table))
    heard, speakers = np.full((2, len(table)), np.nan)
    listeners: list[str | None] = [None] * len(table)
    for row, (start, end) in enumerate(zip(np.append(0, ends[:-1]), ends, strict=True)):
        if start < end:
            own = slice(start, end)
            numbers[1][own] = _with_unknown(numbers[1][own], times[own])
            found = pooling.attend(*(values[own] for values in numbers))
            result[row] = pooling.pool(predicted[own], found.weights)
            unknown = found.speaker is None or found.speaker < 0
            heard[row], speakers[row] = found.heard, np.nan if unknown else found.speaker
            listeners[row] = _listener(predicted[own], numbers[0][own], found.listens)
    pooled = pa.FixedSizeListArray.from_arrays(pa.array(result.ravel()), len(EMOTIONS))
    face |= {name: pa.array(np.ascontiguousarray(values)) for name, values in zip(EMOTIONS, predicted.T, strict=True)}
    offsets = pa.array(np.append(0, ends), pa.int32())
    scored = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(list(face.values()), list(face)))
    table = table.drop_columns([_FACES]).append_column(_FACES, scored).append_column(_PREDICTED, pooled)
    table = table.append_column(_HEARD, pa.array(heard))
    table = table.append_column(_SPEAKER, pa.array(speakers, from_pandas=True).cast(pa.int32()))
    return table.append_column(_LISTENER, pa.array(listeners, pa.string()))


def _with_unknown(person: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The persons of an utterance's faces, where NaN as negative numbers: unknown faces are one's, unless two meet."""
    unknown = np.isnan(person)
    met = len(np.unique(time[unknown])) < np.count_nonzero(unknown)
    person[unknown] = -1 - np.arange(np.count_nonzero(unknown)) if met else -1
    return person


def _listener(predicted: np.ndarray, quality: np.ndarray, listens: np.ndarray) -> str | None:
    """The likeliest emotion of the faces that listen; None where there are none."""
    if not listens.any():
        return None
    return EMOTIONS[pooling.pool(predicted[listens], np.clip(np.nan_to_num(quality[listens]), 1e-6, None)).argmax()]


def faces_of(table: pa.Table, version: str, embeddings: bool = False) -> pa.Table:
    """The faces table of rows of `predict_faces`, by a bundle of this version: a row a face, in the rows' order."""
    faces = table[_FACES].combine_chunks()
    rows = pc.list_parent_indices(faces)
    names = (*_CARRIED, *EMOTIONS)
    face = dict(zip(names, faces.flatten().flatten(), strict=True))
    utterance = {
        name: datasets.column_or_nulls(table, name, pa.string()).take(rows) for name in (*contracts.KEY, "video")
    }
    # A face's time is counted from the start of its utterance.
    starts = datasets.column_or_nulls(table, "start", pa.float64()).take(rows).to_numpy(zero_copy_only=False)
    time = face["time"].to_numpy(zero_copy_only=False) + np.maximum(np.nan_to_num(starts.astype(np.float64)), 0)
    probabilities = np.stack([face[name].to_numpy() for name in EMOTIONS], axis=1)
    best = np.array(EMOTIONS, dtype=object)[probabilities.argmax(axis=1)]
    made = {
        **utterance,
        **face,
        "time": pa.array(time),
        "emotion": pa.array(best, pa.string()),
        "bundle": pa.array([version] * len(rows), pa.string()),
    }
    return columns.conform(pa.table(made), contracts.faces_schema(embeddings))


def fuse(table: pa.Table, bundle: "Bundle") -> pa.Table:
    """Rows of `predict_faces`, or keyframes rows whose faces no model predicted, to scores rows."""
    texts = table["utterance"].to_pylist()
    (text, known), faces = bundle.text.read(texts), _face_probabilities(table)
    fused = (bundle.fusion or TEXT_ALONE).probabilities(text, faces, _heard(table))
    blank = [not has_text(text) for text in texts]
    reasons = [NOTHING if each else UNREAD for each in blank]
    errors = pc.if_else(pa.array(np.isnan(fused[:, 0])), pa.array(reasons, pa.string()), None)
    for name in (_FACE_ERROR, "video_error"):
        earlier = datasets.column_or_nulls(table, name, pa.string()).combine_chunks()
        # Null where either is. (With null_handling="skip", pyarrow 25 loses rows.)
        errors = pc.coalesce(pc.binary_join_element_wise(earlier, errors, "; "), earlier, errors)
    if _COUNT in table.column_names:
        count = table[_COUNT]
    else:
        count = pc.list_value_length(datasets.column_or_nulls(table, "faces", contracts.FACES))
    carried = table.drop_columns([name for name in _OWN if name in table.column_names])
    arrays = dict(zip(carried.column_names, carried.columns, strict=True))
    for model, values in zip(MODELS, (text, faces, fused), strict=True):
        arrays |= _columns(model, values)
    arrays["text_known"] = pa.array(known, pa.float32(), mask=np.array(blank, bool))
    arrays["face_count"] = pc.fill_null(count, 0)
    arrays["speaker_person"] = datasets.column_or_nulls(table, _SPEAKER, pa.int32())
    arrays["listener_emotion"] = datasets.column_or_nulls(table, _LISTENER, pa.string())
    arrays["error"] = errors
    arrays["bundle"] = pa.array([bundle.version] * len(table), pa.string())
    return columns.conform(pa.table(arrays), contracts.scores_schema(carried.schema))


def _face_probabilities(table: pa.Table) -> Probabilities:
    if _PREDICTED not in table.column_names:
        return missing(len(table))
    return np.asarray(table[_PREDICTED].combine_chunks().flatten()).reshape(-1, len(EMOTIONS))


def _heard(table: pa.Table) -> np.ndarray:
    return np.asarray(datasets.column_or_nulls(table, _HEARD, pa.float64()).to_numpy(), float)


def _columns(model: str, probabilities: Probabilities) -> dict[str, pa.Array]:
    absent = np.isnan(probabilities[:, 0])
    best = np.array(EMOTIONS, dtype=object)[np.nan_to_num(probabilities).argmax(axis=1)]
    columns = {f"{model}_emotion": pa.array(best, pa.string(), mask=absent)}
    for name, values in zip(probability_columns(model), probabilities.T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(values), pa.float32(), mask=absent)
    return columns
