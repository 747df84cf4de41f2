"""Draw a sample archive and run every job on it.

The sample is synthetic: drawn faces and made-up lines, in the exact shape of a MELD release. Both are noisy, so that no
model is perfect. The figures show that the jobs work, and nothing else.
"""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from emotionscope import ray_session
from emotionscope.commands.settings import (
    Demo,
    Evaluate,
    ExtractKeyframes,
    FitFusion,
    Predict,
    PrepareMeld,
    Score,
    TrainText,
    TrainVision,
)
from emotionscope.errors import UserError
from emotionscope.storage.place import Place

LINES = (
    "You came all this way just to see me?",
    "I told you never to touch my things!",
    "We lost the house. I don't know what to do.",
    "The meeting is at ten, in the room upstairs.",
)
MARK = "_demo.json"  # written first: a folder that holds it is the demo's own and may be replaced
NOTE = "Synthetic sample: drawn faces and made-up lines. These figures say nothing about real conversations."
LEARNING = ("keyframes", "bundle", "epochs", "image_size", "batch_size", "augmentation")  # flags that are shown


def run(settings: Demo) -> None:
    """Run all jobs and print what they made."""
    started = time.monotonic()
    folder = _new_folder(settings)
    release, faces, dialogues, keyframes, models, scores, report = (
        str(folder / name) for name in ("release", "faces", "dialogues", "keyframes", "bundle", "scores", "report")
    )
    # All that the jobs need, for which no mistake in the settings need wait.
    from emotionscope.commands import (
        evaluate,
        extract_keyframes,
        fit_fusion,
        prepare_meld,
        score,
        train_text,
        train_vision,
    )

    step = _Steps()
    drawing = {"output": release, "dialogues": settings.dialogues, "faces": faces, "seed": settings.seed}
    step("Draw a sample archive, and faces to learn from", "python -m emotionscope.sample.release", **drawing)
    # In a process of its own: the drawing starts others, and each would load all that this one has loaded.
    flags = [item for name, value in drawing.items() for item in (f"--{name}", str(value))]
    if subprocess.run([sys.executable, "-m", "emotionscope.sample.release", *flags], check=False).returncode:
        raise UserError("the sample could not be drawn; the lines above say why")
    step("Read it as the MELD release it looks like", "emotionscope prepare_meld", meld=release, output=dialogues)
    prepare_meld.run(PrepareMeld(meld=release, output=dialogues))
    with ray_session.connect(settings.verbose):
        step(
            "Find the faces in its videos",
            "emotionscope extract_keyframes",
            dialogues=dialogues,
            videos=release,
            output=keyframes,
            speakers="never",
        )
        extract_keyframes.run(
            ExtractKeyframes(
                dialogues=dialogues,
                output=keyframes,
                videos=release,
                speakers="never",  # drawn mouths do not speak
                verbose=settings.verbose,
            )
        )
        step("Train the text model", "emotionscope train_text", dialogues=dialogues, bundle=models)
        train_text.run(TrainText(dialogues=(dialogues,), bundle=models))
        learning = _learning(settings, faces, models)
        shown = {name: getattr(learning, name) for name in LEARNING}
        step("Train the vision model on labelled faces", "emotionscope train_vision", **shown)
        train_vision.run(learning)
        step("Learn the fusion of the two", "emotionscope fit_fusion", keyframes=keyframes, bundle=models)
        fit_fusion.run(FitFusion(keyframes=keyframes, bundle=models))
        step("Score the archive", "emotionscope score", keyframes=keyframes, bundle=models, output=scores)
        score.run(Score(keyframes=keyframes, bundle=models, output=scores, verbose=settings.verbose))
    step(
        "Evaluate the scores", "emotionscope evaluate", scores=scores, keyframes=keyframes, bundle=models, report=report
    )
    evaluate.run(Evaluate(scores=scores, keyframes=keyframes, bundle=models, report=report, note=NOTE))
    step.console.print(f"\n[bold]Done in {time.monotonic() - started:.0f} s[/bold]")
    print(f"scores  {scores}")
    print(f"report  {report}/report.html")
    _real_lines(step, folder)
    print("\nYour own archive (Parquet with dialogue_id, utterance_id, utterance, video):")
    print("  emotionscope score --dialogues YOUR_FOLDER --output YOUR_SCORES")


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


def _new_folder(settings: Demo) -> Path:
    """The demo's folder, emptied of an earlier demo. Raises UserError where it may not be used."""
    folder = Path(ray_session.output_place(settings.output))
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise UserError(f"{folder}: this folder contains something else than a demo; name another --output")
        if not settings.replace:
            raise UserError(
                f"{folder}: this folder contains an earlier demo; add --replace to delete it, or name another --output"
            )
        shutil.rmtree(folder)
    Place(folder / MARK).write_json({"dialogues": settings.dialogues, "seed": settings.seed})
    return folder


def _real_lines(step: "_Steps", folder: Path) -> None:
    """A few lines that a newcomer can change, answered by the models that come with the package."""
    from emotionscope.commands import predict

    lines = folder / "lines.txt"
    lines.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    step("Ask the models that come with EmotionScope, which know real people", "emotionscope predict", lines=lines)
    predict.run(Predict(lines=str(lines)))
    print(f"Change {lines} and run the command again.")


class _Steps:
    """Numbered headings between the jobs' own output, each with the command that would do the same."""

    def __init__(self) -> None:
        self.number = 0
        self.console = Console(highlight=False)

    def __call__(self, title: str, command: str, **flags: object) -> None:
        self.number += 1
        self.console.print(f"\n[bold]{self.number}. {title}[/bold]")
        shown = " ".join(f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in flags.items())
        self.console.print(f"[dim]{command} {shown}[/dim]", soft_wrap=True)
