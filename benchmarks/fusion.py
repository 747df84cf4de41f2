"""Does the fusion ever hurt? A real text model with faces in three synthetic pairings.

Utterances of a dialogues table get faces of another data set: of the utterance's own emotion (informative), the same
faces shuffled (uninformative), or none (absent). Pairing by label leaks the label, so the mechanism alone is tested: no
figure here says anything about a real multimodal set. The fusion learns on dev with faces of dev; test is measured.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.bars import Figure, show
from emotionscope import cli, fusion, labels, metrics
from emotionscope.batch import stages
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import tables
from emotionscope.vision import labelled_faces

PAIRINGS = ("informative", "uninformative", "absent")
ALLOWED_CHANGE = 0.003  # of weighted F1 by a useless modality
CLEAR_GAIN = 0.02


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Pairings:
    """Settings of the measure."""

    dialogues: str
    """Dialogues table with text, emotion and the splits dev and test."""
    faces: str
    """Labelled face images in Parquet with the splits dev (or validation) and test."""
    bundle: str
    """Bundle whose text and vision model are paired."""
    seeds: int = 5
    """Pairings drawn of each kind."""


def run(settings: Pairings) -> None:
    """Print fused against text for each pairing."""
    show("Weighted F1 on test, synthetic pairings of text and faces", measure(settings))


def measure(settings: Pairings) -> list[Figure]:
    """Fused against text for each pairing."""
    models = bundle_store.load(settings.bundle)
    if models.vision is None:
        raise UserError(f"{settings.bundle}: no vision model")
    table = tables.read(tables.open_dataset(settings.dialogues, "dialogues"), ["utterance", "emotion", "split"])
    found = labelled_faces.survey(settings.faces)
    texts, truth, seen, shown = {}, {}, {}, {}
    for split in ("dev", "test"):
        rows = [row for row in table.to_pylist() if row["split"] == split and row["emotion"] and row["utterance"]]
        texts[split] = models.text.probabilities([row["utterance"] for row in rows])
        truth[split] = np.array(labels.indices(row["emotion"] for row in rows))
        batches = [
            batch for span in found.spans[split] for batch in labelled_faces.read(span, split, models.vision.image_size)
        ]
        seen[split] = models.vision.predict(np.concatenate([batch["face"] for batch in batches]))
        shown[split] = np.concatenate([batch["target"].argmax(axis=1) for batch in batches])
    alone = metrics.headline(truth["test"], texts["test"])["weighted_f1"]
    figures = [Figure("text", alone)]
    for pairing in PAIRINGS:
        gains, faces_alone = [], []
        for seed in range(settings.seeds):
            rng = np.random.default_rng([seed, PAIRINGS.index(pairing)])
            paired = {split: _pair(pairing, truth[split], seen[split], shown[split], rng) for split in truth}
            fitted = fusion.TEXT_ALONE
            if pairing != "absent":
                fitted = fusion.fit(texts["dev"], paired["dev"], truth["dev"])
                faces_alone.append(metrics.headline(truth["test"], paired["test"])["weighted_f1"])
            fused = fitted.probabilities(texts["test"], paired["test"])
            gains.append(metrics.headline(truth["test"], fused)["weighted_f1"] - alone)
        if faces_alone:
            figures.append(Figure(f"{pairing} faces: vision alone", float(np.mean(faces_alone))))
        bars = (CLEAR_GAIN, None) if pairing == "informative" else (-ALLOWED_CHANGE, ALLOWED_CHANGE)
        figures.append(Figure(f"{pairing} faces: fused - text, mean of {settings.seeds}", float(np.mean(gains)), *bars))
        figures.append(Figure(f"{pairing} faces: fused - text, least", float(np.min(gains)), *bars))
    return figures


def _pair(
    pairing: str, truth: np.ndarray, seen: np.ndarray, shown: np.ndarray, rng: np.random.Generator
) -> fusion.Probabilities:
    """A face's probabilities for every row of `truth`, float32 [n, 7]; NaN where it has none."""
    if pairing == "absent":
        return stages.missing(len(truth))
    chosen = np.empty(len(truth), dtype=int)
    for emotion in np.unique(truth):
        rows = np.flatnonzero(truth == emotion)
        chosen[rows] = rng.choice(np.flatnonzero(shown == emotion), len(rows))
    if pairing == "uninformative":
        chosen = rng.permutation(chosen)
    return seen[chosen]


if __name__ == "__main__":
    cli.main(run)
