"""How good are the three models? MELD's text and a set of labelled faces, each figure beside the bar it should reach.

Runs the training jobs where their models are not there yet (an hour on two CPU cores for the faces), then measures.
Faces paired with text are *synthetic*: no figure here is a multimodal result.
"""

from dataclasses import dataclass
from typing import Any

from benchmarks import fusion
from benchmarks.bars import Figure, show
from emotionscope import cli, ray_session
from emotionscope.bundle import store as bundle_store
from emotionscope.io import storage
from jobs import prepare_meld, train_text, train_vision

RARE = ("disgust", "fear")  # what a text model easily never answers
VISION_SECONDS = 3600
RECIPE: dict[str, Any] = {"epochs": 11, "batch_size": 64, "augmentation": 0.5, "mirror": True}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Quality:
    """Settings of the measure."""

    meld: str
    """Folder of MELD's release, or of its three CSVs alone."""
    faces: str
    """Labelled face images in Parquet with the splits train, dev (or validation) and test, such as FER2013."""
    output: str
    """Where the dialogues and the bundle go; a second run takes the ones that are there."""


def run(settings: Quality) -> None:
    """Print the tables."""
    output = ray_session.output_uri(settings.output)
    dialogues, models = storage.join(output, "dialogues"), storage.join(output, "bundle")
    if not storage.list_files(dialogues):
        prepare_meld.run(prepare_meld.PrepareMeld(meld=settings.meld, output=dialogues))
    parts = bundle_store.read_manifest(models)["parts"] if storage.exists(storage.join(models, "bundle.json")) else {}
    if "text" not in parts:
        train_text.run(train_text.TrainText(dialogues=dialogues, bundle=models))
    if "vision" not in parts:
        train_vision.run(train_vision.TrainVision(keyframes=settings.faces, bundle=models, **RECIPE))
    parts = bundle_store.read_manifest(models)["parts"]
    show("Text, on MELD's test split", _text(parts["text"]["test"]))
    show("Vision, on the faces' test split", _vision(parts["vision"]))
    pairings = fusion.measure(fusion.Pairings(dialogues=dialogues, faces=settings.faces, bundle=models))
    show("Fusion: weighted F1 on MELD's test split, faces in synthetic pairings", pairings)


def _text(test: dict[str, Any]) -> list[Figure]:
    return [
        Figure("weighted F1", test["weighted_f1"], least=0.585),
        Figure("expected calibration error", test["expected_calibration_error"], most=0.05),
        *(Figure(f"F1 of {emotion}", test["per_emotion"][emotion]["f1"], least=0.001) for emotion in RARE),
        Figure("macro F1", test["macro_f1"]),
        Figure("accuracy", test["accuracy"]),
        Figure("always neutral: weighted F1", test["majority"]["weighted_f1"]),
    ]


def _vision(entry: dict[str, Any]) -> list[Figure]:
    test = entry["test"]
    return [
        Figure("accuracy", test["accuracy"], least=0.66),
        Figure("weighted F1", test["weighted_f1"]),
        Figure("expected calibration error", test["expected_calibration_error"]),
        Figure("seconds of training", entry["seconds"], most=VISION_SECONDS),
    ]


if __name__ == "__main__":
    cli.main(run)
