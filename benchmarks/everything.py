"""All measures of speed in one run, as `make bench` calls it: tables on the screen and in Markdown, and two plots.

Takes the reference data beside the project where it is there (real clips, MELD's texts, FER2013's faces; repeated where
more are wanted), else the drawn sample, and says which. Models are trained, or drawn, on the first run and kept.
"""

import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow.parquet as pq

from benchmarks import bars, crops, growth, learn, plot, rounds, start, texts, video
from emotionscope import cli, ray_session
from emotionscope.batch.gpu_pool import Gpus
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import storage, tables
from emotionscope.sample import release
from emotionscope.vision import model as vision_model
from jobs import prepare_meld, train_text

Name = Literal["video", "keyframes", "text", "training", "start", "growth"]
FACES = 4096


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Everything:
    """Settings of the measure."""

    output: str
    """Folder of the results, bench.md, bench.svg and growth.svg (gpu.csv too where there are GPUs), and of models."""
    data: str = "../shared"
    """Folder of the reference data; where it is missing, a sample is drawn."""
    rounds: int = 4
    """Rounds that count, after one that warms up."""
    only: Name | None = None
    """One contest alone; then no files are written."""


@dataclass(frozen=True)
class Inputs:
    """What the contests run over."""

    clips: str
    lengths: list[int]
    yunet: str | None
    texts: list[str]
    faces: list[bytes]
    bundle: str
    origin: str


def run(settings: Everything) -> None:
    """Hold the contests and write what they came to."""
    if settings.rounds < 1:
        raise UserError(f"--rounds: {settings.rounds} is too small; the least is 1")
    output = Path(settings.output).absolute()
    output.mkdir(parents=True, exist_ok=True)
    os.environ["RAY_ADDRESS"] = "local"
    with ray_session.connect() as cluster, _gpu_use(output / "gpu.csv", cluster.gpus):
        inputs = _inputs(output, Path(settings.data))
        on = Gpus(cluster.gpus) if cluster.gpus else None
        contests: dict[str, Callable[[], AbstractContextManager[rounds.Contest]]] = {
            "video": lambda: video.contest(inputs.clips, inputs.lengths, inputs.bundle, inputs.yunet),
            "keyframes": lambda: crops.contest(inputs.faces, inputs.bundle, on),
            "text": lambda: texts.contest(inputs.texts, inputs.bundle),
            "training": lambda: learn.contest(inputs.faces, bool(on)),
        }
        outcomes = []
        for name, make in contests.items():
            if settings.only in (None, name):
                with make() as contest:
                    outcomes.append(rounds.hold(contest, settings.rounds))
                rounds.show(outcomes[-1])
        first = None
        if settings.only in (None, "start"):
            first = start.measure(inputs.texts, inputs.bundle, settings.rounds)
            start.show(first)
    grown: list[growth.Run] = []
    if settings.only in (None, "growth"):
        with tempfile.TemporaryDirectory() as folder:
            grown = growth.texts(inputs.bundle, str(output / "dialogues"), growth.ROWS, folder)
        bars.show(growth.TEXTS, growth.figures(grown))
    if settings.only is None and first:
        words = f"{_machine()}; {settings.rounds} rounds in turn after one that warms up; {inputs.origin}."
        more = bars.markdown(growth.TEXTS, growth.figures(grown))
        (output / "bench.md").write_text(f"{words}\n\n{rounds.markdown(outcomes)}{start.markdown(first)}\n{more}")
        plot.ratios([ratio for outcome in outcomes for ratio in outcome.ratios], output / "bench.svg")
        plot.growth(grown, output / "growth.svg")
        print(f"written to {output}: bench.md, bench.svg and growth.svg")


def _inputs(output: Path, data: Path) -> Inputs:
    models = str(output / "bundle")
    known = data / "data"
    meld, faces, clips = known / "meld", known / "fer2013.parquet", known / "clips"
    origin = "real clips, MELD's texts and FER2013's faces, repeated"
    if not clips.is_dir():
        meld, faces, origin = output / "sample", output / "faces", "a *synthetic* sample, drawn"
        clips = meld
        if not meld.exists():
            release.run(release.Settings(output=str(meld), faces=str(faces)))
    dialogues = output / "dialogues"
    if not dialogues.exists():
        prepare_meld.run(prepare_meld.PrepareMeld(meld=str(meld), output=str(dialogues)))
    parts = bundle_store.read_manifest(models)["parts"] if storage.exists(f"{models}/bundle.json") else {}
    if "text" not in parts:
        train_text.run(train_text.TrainText(dialogues=str(dialogues), bundle=models))
    if "vision" not in parts:
        bundle_store.publish(models, "vision", vision_model.create(64).to_bytes(), {})  # random weights cost as much
    spoken = tables.read(tables.open_dataset(str(dialogues), "dialogues"), ["utterance"])["utterance"].to_pylist()
    yunet = next(data.glob("models/*yunet*.onnx"), None)
    frames = known / "meld_clip_frames.csv"
    lengths = pd.read_csv(frames)["frames"].tolist() if frames.exists() else []
    return Inputs(str(clips), lengths, str(yunet) if yunet else None, spoken, _pictures(faces), models, origin)


def _pictures(faces: Path) -> list[bytes]:
    with pq.ParquetFile(faces if faces.is_file() else next(faces.glob("*.parquet"))) as file:
        column = next(file.iter_batches(FACES, columns=["image"]))["image"].to_pylist()
    return [image["bytes"] if isinstance(image, dict) else image for image in column]


@contextmanager
def _gpu_use(file: Path, gpus: int) -> Iterator[None]:
    """Write how much of each GPU is in use, twice a second, until the block ends."""
    if not gpus:
        yield
        return
    command = ["nvidia-smi", "--query-gpu=timestamp,index,utilization.gpu,memory.used", "--format=csv", "-lms", "500"]
    with file.open("w") as sink, subprocess.Popen(command, stdout=sink) as watcher:
        try:
            yield
        finally:
            watcher.terminate()


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    cli.main(run)
