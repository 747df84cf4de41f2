"""The demo's longer way: a synthetic archive is drawn, the three models are trained on it, and it is scored with them.

Its faces are drawn and its lines made up, in the exact shape of a MELD release. Both are noisy, so that no model is
perfect. The figures show that the jobs work, and nothing else.
"""

import subprocess
import sys
from pathlib import Path

from emotionscope import ray_session
from emotionscope.commands.demo_steps import Steps
from emotionscope.commands.settings import (
    Demo,
    Evaluate,
    ExtractKeyframes,
    FitFusion,
    PrepareMeld,
    Score,
    TrainText,
    TrainVision,
)
from emotionscope.errors import UserError

NOTE = "Synthetic sample: drawn faces and made-up lines. These figures say nothing about real conversations."


def run(settings: Demo, folder: Path, steps: Steps) -> None:
    """Draw the archive into the folder, and run every job on it."""
    release, faces, dialogues, keyframes, models, scores, report = (
        str(folder / name) for name in ("release", "faces", "dialogues", "keyframes", "bundle", "scores", "report")
    )
    steps.console.print(NOTE)
    _draw(settings, release, faces, steps)
    steps.run("Read it as the MELD release it looks like", PrepareMeld(meld=release, output=dialogues))
    with ray_session.connect(settings.verbose):
        steps.run(
            "Find the faces in its videos",
            ExtractKeyframes(
                dialogues=dialogues,
                output=keyframes,
                videos=release,
                speakers="never",  # drawn mouths do not speak
                verbose=settings.verbose,
            ),
        )
        steps.run("Train the text model", TrainText(dialogues=(dialogues,), bundle=models))
        steps.run("Train the vision model on labelled faces", _learning(settings, faces, models))
        steps.run("Learn the fusion of the two", FitFusion(keyframes=keyframes, bundle=models))
        steps.run(
            "Score the archive", Score(keyframes=keyframes, bundle=models, output=scores, verbose=settings.verbose)
        )
    steps.run(
        "Evaluate the scores", Evaluate(scores=scores, keyframes=keyframes, bundle=models, report=report, note=NOTE)
    )
    print(f"\nThe report on the synthetic archive: {report}/report.html")


def _draw(settings: Demo, release: str, faces: str, steps: Steps) -> None:
    """Draw in a process of its own: it starts others, and each would load all that this one has loaded."""
    flags = ["--output", release, "--dialogues", str(settings.dialogues), "--faces", faces]
    command = ["-m", "emotionscope.sample.release", *flags, "--seed", str(settings.seed)]
    steps.head("Draw a sample archive, and faces to learn from", " ".join(["python", *command]))
    if subprocess.run([sys.executable, *command], check=False).returncode:
        raise UserError("the sample could not be drawn; the lines above say why")


def _learning(settings: Demo, faces: str, models: str) -> TrainVision:
    """A training that is quick, and enough for drawn faces."""
    return TrainVision(
        keyframes=faces,
        bundle=models,
        epochs=settings.epochs,
        image_size=48,
        batch_size=32,
        augmentation=0.0,
        seed=settings.seed,
        verbose=settings.verbose,
    )
