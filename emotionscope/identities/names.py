"""What people are called: by portraits, or by who is seen speaking while a named speaker speaks."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from emotionscope.errors import RowError, UserError
from emotionscope.recognition import embedding
from emotionscope.recognition.embedding import Embedder, normalised
from emotionscope.storage.place import Place
from emotionscope.tables import corrections as corrections_
from emotionscope.tables import datasets
from emotionscope.tables.corrections import Correction
from emotionscope.tables.datasets import Dataset
from emotionscope.video import pictures
from emotionscope.video.detection import Detector
from emotionscope.video.faces import Face

PICTURES = ".jpg", ".jpeg", ".png"
ALIKE, CLEARLY = 0.4, 0.1  # cosine of a portrait and the person, and how much more than with the next name
NORMAL = 1.64  # standard deviations of a one-sided bound of 95 %

Source = Literal["correction", "portrait", "speech"]


@dataclass(frozen=True)
class Name:
    """A name and why: `evidence` is the portrait's cosine, or the share of the spoken utterances, `count` of them."""

    name: str
    source: Source
    evidence: float
    count: int


def portraits(folder: Place) -> dict[str, np.ndarray]:
    """Names and embeddings [128] of portraits in a folder: NAME.jpg, NAME-2.jpg, NAME/any.png.

    Each picture's largest face counts. One without a face that can be recognised is told on the screen. Raises
    UserError where there is none at all.
    """
    detector, embedder = Detector(), Embedder()
    found: dict[str, list[np.ndarray]] = {}
    for file in folder.list():
        if not file.name.lower().endswith(PICTURES):
            continue
        above, _, stem = file.name.rpartition(".")[0].rpartition("/")
        name = above.rpartition("/")[2] or re.sub(r"(?<=\S)[-_ ]*\d+$", "", stem)
        try:
            image = pictures.decode(file.uri.read_bytes(pictures.BYTES))
        except (RowError, ValueError) as error:
            print(f"{file.uri}: {error}", flush=True)
            continue
        faces = [face for face in detector.detect(image) if face.points]
        if not faces:
            print(f"{file.uri}: no face in it", flush=True)
            continue
        best = max(faces, key=lambda face: face.height)
        found.setdefault(name, []).append(embedder.embed([embedding.cut(image, best.points or ())])[0])
    if not found:
        raise UserError(f"{folder}: no portrait (*.jpg, *.png) with a face in it")
    return {name: normalised(np.mean(vectors, axis=0)) for name, vectors in found.items()}


def by_portraits(numbers: Sequence[int], sums: np.ndarray, known: Mapping[str, np.ndarray]) -> dict[int, Name]:
    """The names of those, by number, whom one portrait resembles, and clearly more than any other name's.

    `sums` float32 [n, 128] are those of their embeddings.
    """
    if not len(numbers) or not known:
        return {}
    alike = normalised(sums) @ np.stack(list(known.values())).T
    names, found = list(known), dict[int, Name]()
    for number, row in zip(numbers, alike, strict=True):
        best, *others = np.argsort(-row).tolist()
        if row[best] >= ALIKE and (not others or row[best] - row[others[0]] >= CLEARLY):
            found[number] = Name(names[best], "portrait", float(row[best]), 1)
    return found


def of_faces(faces: Sequence[Face], known: Mapping[str, np.ndarray]) -> dict[int | None, str]:
    """The names of the persons of one film by their faces that have an embedding."""
    sums: dict[int, np.ndarray] = {}
    for face in faces:
        if face["person"] is not None and face["embedding"] is not None:
            sums[face["person"]] = sums.get(face["person"], 0) + np.array(face["embedding"], np.float32)
    named = by_portraits(list(sums), np.array(list(sums.values())), known)
    return {person: name.name for person, name in named.items()}


def votes(
    connection: duckdb.DuckDBPyConnection, scores: Dataset, corrections: Sequence[Correction]
) -> dict[int, Counter[str]]:
    """How often each of the table ``identities`` is seen speaking while a named speaker speaks.

    Raises UserError where the scores do not tell.
    """
    for name in ("speaker", "speaker_person"):
        if name not in scores.schema.names:
            raise UserError(f"{scores.uri}: it has no column {name}, by which people could be named")
    names_ = [name for name in ("dialogue_id", "video", "speaker", "speaker_person") if name in scores.schema.names]
    schema = pa.schema([scores.schema.field(name) for name in names_])
    found: dict[int, Counter[str]] = {}
    for batch in datasets.batches(scores, schema):
        rows = batch.to_pandas().rename(columns={"speaker_person": "person"}).assign(time=math.nan)
        rows["video"] = rows["video"].fillna(rows["dialogue_id"]) if "video" in rows else rows["dialogue_id"]
        connection.register("rows", corrections_.apply(rows, corrections).astype({"speaker": "string"}))
        counted = connection.execute(
            """
            SELECT identity, trim(speaker), count(*) FROM rows JOIN identities USING (video, person)
            WHERE identity IS NOT NULL AND trim(speaker) <> '' GROUP BY ALL
            """
        ).fetchall()
        for number, speaker, count in counted:
            found.setdefault(number, Counter())[speaker] += count
        connection.unregister("rows")
    return found


def by_speech(votes: Mapping[int, Counter[str]]) -> dict[int, Name]:
    """The names of identities who, while they are seen speaking, are surely called one thing more often than not.

    `votes` counts the utterances by the speaker's name. Sure is the lower bound of Wilson's interval above a half.
    """
    found = {}
    for number, counts in votes.items():
        (name, most), total = counts.most_common(1)[0], counts.total()
        if _lower_bound(most, total) > 0.5:
            found[number] = Name(name, "speech", most / total, total)
    return found


def _lower_bound(hits: int, total: int) -> float:
    share, square = hits / total, NORMAL**2
    spread = NORMAL * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    return (share + square / (2 * total) - spread) / (1 + square / total)
