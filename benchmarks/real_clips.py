"""What the models make of real clips whose faces and speakers are known: faces found, who speaks, what is felt.

The folder holds clips, ``labels.csv`` (file, Utterance, Emotion) and ``speaking.csv``: the boxes of each face at some
times (file, time, x, y, w, h), `is_speaker` where the face is the speaker's, and `sure` where that is surely known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import emotionscope
from benchmarks.measure import Figure, show
from emotionscope import cli
from emotionscope.labels import EMOTIONS, MODELS, canonical, probability_columns
from emotionscope.video.face_tracks import overlap
from emotionscope.vision.pooling import attend

SMALLEST = 40  # pixels of a face that should be found
NEAR = 0.12  # seconds between a face that is known and a frame that was looked at
SAME = 0.3  # intersection over union of two boxes of one face
SIDES = ["x", "y", "w", "h"]


@cli.flags
@dataclass(frozen=True, kw_only=True)
class RealClips:
    """Settings of the benchmark."""

    clips: cli.Path
    """Folder of the clips with labels.csv and speaking.csv."""
    bundle: cli.Path | None = None
    """Bundle to measure. Default: the one that comes with EmotionScope."""


def run(settings: RealClips) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    folder = Path(settings.clips)
    labels, known = pd.read_csv(folder / "labels.csv"), pd.read_csv(folder / "speaking.csv")
    with emotionscope.load(settings.bundle) as models:
        faces = {file: models.clip(folder / file) for file in labels["file"]}
        frame = pd.DataFrame(
            {
                "dialogue_id": labels["file"],
                "utterance_id": range(len(labels)),
                "utterance": labels["Utterance"],
                "video": labels["file"],
            }
        )
        scores = models.dialogues(frame, videos=folder)
    figures = [*_faces(faces, known), *_answers(scores, labels["Emotion"].map(canonical).tolist())]
    show(f"{len(labels)} real clips", figures)
    return figures


def _faces(faces: Mapping[str, pd.DataFrame], known: pd.DataFrame) -> Iterator[Figure]:
    """Which of the faces that are known were found, and how much of what counts is the speaker's."""
    found = looked = 0
    weights = []
    for file, seen in faces.items():
        there = known[known["file"] == file]
        for _, truth in there[there["h"] >= SMALLEST].iterrows():
            near = seen[(seen["time"] - truth["time"]).abs() <= NEAR]
            if len(near):  # the frame was looked at, and some face was found in it
                looked += 1
                found += _match(truth, near) is not None
        speakers, counted = 0.0, 0.0
        attention = attend(*(seen[name].to_numpy(float, na_value=np.nan) for name in ("quality", "person", "speaking")))
        for (_, face), weight in zip(seen.iterrows(), attention.weights, strict=True):
            near = there[(there["time"] - face["time"]).abs() <= 2 * NEAR]
            match = _match(face, near)
            if match is not None and match["sure"]:
                counted += weight
                speakers += weight * match["is_speaker"]
        if counted:
            weights.append(speakers / counted)
    yield Figure(f"faces of {SMALLEST} pixels and more that are found", found / max(looked, 1), least=0.9)
    yield Figure(
        f"weight of the faces that is the speaker's, {len(weights)} clips", float(np.mean(weights)), least=0.95
    )
    yield Figure("the same in the worst of them", float(np.min(weights)))


def _match(face: pd.Series, others: pd.DataFrame) -> pd.Series | None:
    """The face among others whose box overlaps most, if it is the same."""
    if not len(others):
        return None
    shared = [overlap(face[SIDES].to_numpy(float), box) for box in others[SIDES].to_numpy(float)]
    return others.iloc[int(np.argmax(shared))] if max(shared) >= SAME else None


def _answers(scores: pd.DataFrame, labels: list[str | None]) -> Iterator[Figure]:
    """For each model, the answers that are the label, and the log loss."""
    right = {}
    for model in MODELS:
        right[model] = sum(answer == label for answer, label in zip(scores[f"{model}_emotion"], labels, strict=True))
        chance = scores[probability_columns(model)].to_numpy(float)
        losses = [
            -np.log(max(row[EMOTIONS.index(label)], 1e-6)) for row, label in zip(chance, labels, strict=True) if label
        ]
        least = {"least": float(right["text"])} if model == "fused" else {}
        yield Figure(f"{model}: clips whose answer is the label", right[model], **least)
        yield Figure(f"{model}: log loss", float(np.mean(losses)))
    yield Figure("clips in which a speaker is named", int(scores["speaker_person"].notna().sum()))


if __name__ == "__main__":
    cli.main(run)
