"""What faces do to the text's answers, by their share that tells the label: the mechanism alone.

No data at hand has real text and real faces together. So lines of MELD meet faces of a labelled set: of some lines a
face of the line's own label, of the others any face. A face that is drawn by its label leaks it, so no figure here is
one of how good faces are; they tell what the fusion does with faces that tell nothing, and with some that do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.measure import Figure, show
from emotionscope import cli, metrics
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.fusion import Fusion, Probabilities
from emotionscope.labels import EMOTIONS, canonical
from emotionscope.prepare import meld
from emotionscope.storage.place import Place
from emotionscope.vision import labelled_faces
from emotionscope.vision.model import VisionModel

SHARES = 0.0, 0.3  # of the lines whose face is one of their label
DRAWS = 10
COST = 0.005  # weighted F1 that useless faces may cost


@cli.flags
@dataclass(frozen=True, kw_only=True)
class FusionBenchmark:
    """Settings of the benchmark."""

    meld: cli.Path
    """Folder with MELD's CSV files."""
    faces: cli.Path
    """Parquet of labelled faces, such as FER+."""
    bundle: cli.Path | None = None
    """Bundle to measure. Default: the one that comes with EmotionScope."""
    split: Literal["dev", "test"] = "dev"
    """Split of both."""


def run(settings: FusionBenchmark) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    bundle = bundle_store.load(bundle_store.chosen(settings.bundle))
    if bundle.vision is None or bundle.fusion is None:
        raise UserError("the bundle has no vision model, or no fusion")
    texts, truth = _lines(settings.meld, settings.split)
    text = bundle.text.probabilities(texts)
    faces, labels = _faces(settings.faces, settings.split, bundle.vision)
    figures = list(compare(bundle.fusion, text, truth, faces, labels))
    show(f"Lines of MELD's {settings.split} split with faces drawn at random: the mechanism alone", figures)
    return figures


def compare(
    fusion: Fusion, text: Probabilities, truth: np.ndarray, faces: Probabilities, labels: np.ndarray
) -> Iterator[Figure]:
    """Weighted F1 and log loss of the text, and what faces add to them, by the share that tells and by who speaks.

    `text` float32 [n, 7] are the answers to lines of the labels `truth` int [n]; `faces` float32 [m, 7] those to
    faces of the labels `labels` int [m].
    """
    alone = _measure(text, truth)
    yield Figure("text alone, weighted F1", alone[0])
    yield Figure("text alone, log loss", alone[1])
    generator = np.random.default_rng(0)
    for share in SHARES:
        for name, heard in (("unknown whose", np.nan), ("known to speak", 1.0)):
            gains = np.zeros(2)
            for _ in range(DRAWS):
                seen = faces[_draw(truth, labels, share, generator)]
                fused = fusion.probabilities(text, seen, np.full(len(text), heard))
                gains += (_measure(fused, truth) - alone) / DRAWS
            what = f"faces that tell {share:.0%} of the lines, {name}"
            yield Figure(f"{what}: weighted F1 gained", float(gains[0]), least=-COST if share == 0 else 0.0)
            yield Figure(f"{what}: change of log loss", float(gains[1]))


def _draw(truth: np.ndarray, labels: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """A face for each line, int [n]: of a `share` of the lines one of their label."""
    chosen = generator.integers(len(labels), size=len(truth))
    for emotion in range(len(EMOTIONS)):
        rows = np.flatnonzero((truth == emotion) & (generator.random(len(truth)) < share))
        chosen[rows] = generator.choice(np.flatnonzero(labels == emotion), len(rows))
    return chosen


def _measure(probabilities: Probabilities, truth: np.ndarray) -> np.ndarray:
    losses = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth].astype(float), 1e-6))
    return np.array([metrics.headline(truth, probabilities)["weighted_f1"], losses.mean()])


def _lines(folder: str, split: str) -> tuple[list[str], np.ndarray]:
    csvs = meld.find_csvs(Place(folder).list())
    if split not in csvs:
        raise UserError(f"--meld {folder}: no CSV of split {split} there")
    rows, _ = meld.read_csv(csvs[split], split)
    labelled = [(str(row["utterance"]), canonical(str(row["emotion"]))) for row in rows]
    return [line for line, label in labelled if label], np.array([EMOTIONS.index(e) for _, e in labelled if e])


def _faces(uri: str, split: str, model: VisionModel) -> tuple[Probabilities, np.ndarray]:
    found, labels = [], []
    for group in labelled_faces.scan(uri).row_groups[split]:
        for batch in labelled_faces.read(group, split, model.image_size):
            found.append(model.predict(batch["face"]))
            labels.append(batch["target"].argmax(axis=1))
    return np.concatenate(found), np.concatenate(labels)


if __name__ == "__main__":
    cli.main(run)
