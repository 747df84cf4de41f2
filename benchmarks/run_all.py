"""All measures of speed in one run, as `make bench` calls it: tables on the screen and in Markdown, and a picture.

Takes the reference data beside the project where it is there (real clips, MELD's texts, FER2013's faces), else a drawn
sample, and says which. The text model is the one that comes with EmotionScope; the vision model, an ordinary ResNet-18,
has random weights.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow.parquet as pq

from benchmarks import growth, measure, plot, scoring, training, video
from emotionscope import cli, ray_session
from emotionscope.bundle import store as bundle_store
from emotionscope.commands import prepare_meld
from emotionscope.commands.settings import PrepareMeld
from emotionscope.sample import release
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.vision import model as vision_model

SIZE, FACES = 64, 4096  # pixels, and different faces


@cli.flags
@dataclass(frozen=True, kw_only=True)
class RunAll:
    """Settings of the benchmarks."""

    output: cli.Path
    """Folder for the results, bench.md and bench.svg, and for what the benchmarks run over."""
    data: cli.Path = "../shared"
    """Folder of the reference data. Where it is missing, a sample is drawn."""
    rounds: cli.PositiveInt = 3
    """Rounds that count, after one that warms up."""
    only: Literal["video", "keyframes", "text", "training", "growth"] | None = None
    """Run one benchmark only, and write no results."""


@dataclass(frozen=True)
class Inputs:
    """What the benchmarks run over."""

    origin: str
    dialogues: str
    bundle: str
    clips: str
    lengths: list[int]
    texts: list[str]
    images: list[bytes]


def run(settings: RunAll) -> None:
    """Run the benchmarks and write the results."""
    output = Path(settings.output).absolute()
    inputs = _prepare(output, Path(settings.data).absolute())
    os.environ["RAY_ADDRESS"] = "local"
    compared: list[measure.Comparison] = []
    figures: list[measure.Figure] = []
    with ray_session.connect() as cluster:
        benchmarks: dict[str, Callable[[], AbstractContextManager[measure.Benchmark]]] = {
            "video": lambda: video.benchmark(inputs.clips, inputs.lengths, inputs.bundle),
            "keyframes": lambda: scoring.keyframes(inputs.images, inputs.bundle, SIZE, cluster.gpus),
            "text": lambda: scoring.text(inputs.texts, inputs.bundle),
            "training": lambda: training.benchmark(inputs.images, cluster.gpus),
        }
        for name, make in benchmarks.items():
            if settings.only in (None, name):
                with make() as benchmark:
                    found = measure.compare(benchmark, settings.rounds)
                measure.show(f"{benchmark.name}: {benchmark.what}", found)
                compared += found
        if settings.only in (None, "growth"):
            figures.append(growth.first_rows(inputs.texts, inputs.bundle, settings.rounds))
    if settings.only in (None, "text"):
        figures.append(scoring.encoded(inputs.texts, settings.rounds))
        measure.show("Sentence encoder", figures[-1:])
    if settings.only in (None, "growth"):
        figures += growth.run(growth.Growth(bundle=inputs.bundle, dialogues=inputs.dialogues))
    if settings.only is None:
        words = f"{measure.machine()}; {settings.rounds} rounds in turn after one that warms up; {inputs.origin}."
        lists = ((measure.COMPARISONS, compared), (measure.FIGURES, figures))
        parts = [words, *(measure.markdown(head, [row.cells for row in rows]) for head, rows in lists)]
        (output / "bench.md").write_text("\n\n".join(parts))
        plot.draw(compared, output / "bench.svg")
        print(f"written to {output}: bench.md and bench.svg")


def _prepare(output: Path, data: Path) -> Inputs:
    """Draw and convert what is not there yet."""
    known = data / "data"
    origin = "real clips, MELD's texts and FER2013's faces, repeated"
    meld, clips, faces, lengths = known / "meld", known / "clips", known / "fer2013.parquet", []
    if known.is_dir():
        lengths = pd.read_csv(known / "meld_clip_frames.csv")["frames"].tolist()
    else:
        origin, meld, clips, faces = "a *synthetic* sample", output / "sample", output / "sample", output / "faces"
        if not meld.exists():
            release.run(release.Settings(output=str(meld), faces=str(faces)))
        faces = next(faces.glob("*.parquet"))
    dialogues, bundle = str(output / "dialogues"), str(output / "bundle")
    if not Place(dialogues).list():
        prepare_meld.run(PrepareMeld(meld=str(meld), output=dialogues))
    shutil.copytree(bundle_store.SHIPPED, bundle, dirs_exist_ok=True)
    bundle_store.publish(bundle, "vision", vision_model.create(SIZE).to_bytes(), {}, replace=True)
    texts = datasets.read(datasets.open_dataset(dialogues, "dialogues"), ["utterance"])["utterance"].to_pylist()
    with pq.ParquetFile(faces) as file:
        column = next(file.iter_batches(FACES, columns=["image"]))["image"].to_pylist()
    images = [image["bytes"] if isinstance(image, dict) else image for image in column]
    return Inputs(origin, dialogues, bundle, str(clips), lengths, texts, images)


if __name__ == "__main__":
    cli.main(run)
