"""What is quick at hand: the time of whole processes that answer at once, from the command to its end.

Each process is run several times, after one that warms up the disk, and the least of its times counts: other programs
make a process slower, never faster. Beside it stands the time of the processor, which they hardly change.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.measure import FIGURES, Figure, machine, markdown, show
from emotionscope import cli
from emotionscope.commands import NAMES
from emotionscope.errors import JobError

FIRST_TEXT = "import emotionscope; emotionscope.load().texts(['You came back!'])"
TITLE = "## At hand"


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Quick:
    """Settings of the benchmark."""

    rounds: cli.PositiveInt = 5
    """Rounds that count."""
    clips: cli.Path | None = None
    """Folder of clips with labels.csv (file, Utterance), to score from nothing to the summary."""
    write: cli.Path | None = None
    """Markdown page in which the section of this kind of processor is replaced, such as docs/figures.md."""


NOTHING = Quick()  # no flag is required, so the command line needs a default for all of them


def run(settings: Quick = NOTHING) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    helps = [_least(settings.rounds, 0, "-m", "emotionscope", name, "--help") for name in NAMES]
    figures = [
        *_figures("the slowest --help of a job", max(helps), 0.5),
        *_figures("a wrong flag", _least(settings.rounds, 2, "-m", "emotionscope", "score", "--dialogue", "d"), 0.5),
        *_figures("predict --text", _least(settings.rounds, 0, "-m", "emotionscope", "predict", "--text", "Hi!"), 2.5),
        *_figures("load() and the first text in Python", _least(settings.rounds, 0, "-c", FIRST_TEXT), 2.0),
    ]
    if settings.clips:
        figures += _clips(Path(settings.clips).absolute())
    show("Quick at hand, seconds", figures)
    if settings.write:
        _write(Path(settings.write), figures)
    return figures


def _figures(name: str, seconds: tuple[float, float], most: float) -> list[Figure]:
    wall, processor = seconds
    return [Figure(name, wall, most=most), Figure(f"{name}: of the processor", processor)]


def _least(rounds: int, code: int, *words: str) -> tuple[float, float]:
    """The least seconds of a process of Python, and the least of the processor; it must end with this code."""
    times = [_timed(lambda: _run(code, *words)) for _ in range(rounds + 1)][1:]
    return min(wall for wall, _ in times), min(processor for _, processor in times)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    began, before = time.perf_counter(), _spent()
    work()
    return time.perf_counter() - began, _spent() - before


def _spent() -> float:
    """Seconds of the processor that this process's children have used, once they have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(code: int, *words: str) -> None:
    # What Python compiles is kept, as it is wherever nobody says otherwise.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *words], env=kept, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise JobError(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()[-200:]}")


def _clips(folder: Path) -> list[Figure]:
    """The clips of the folder through ``score --faces`` once, Ray's start and end included."""
    labels = pd.read_csv(folder / "labels.csv")
    with tempfile.TemporaryDirectory() as place:
        rows = {"dialogue_id": labels["file"], "utterance_id": range(len(labels)), "utterance": labels["Utterance"]}
        pd.DataFrame({**rows, "video": labels["file"]}).to_parquet(f"{place}/clips.parquet")
        flags = {"dialogues": f"{place}/clips.parquet", "videos": folder, "output": f"{place}/s", "faces": f"{place}/f"}
        words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        wall, _ = _timed(lambda: _run(0, "-m", "emotionscope", "score", *words))
    return [Figure(f"{len(labels)} clips by score --faces, from nothing to the summary", wall, most=20.0)]


def _write(page: Path, figures: list[Figure]) -> None:
    """Put the figures in the page's section `TITLE`, in place of those of the same kind of processor."""
    flags = Path("/proc/cpuinfo").read_text()
    kind = next((name for name in ("avx512f", "avx2") if name in flags), "other")
    before, title, section = page.read_text().partition(TITLE)
    if not title:
        raise JobError(f"{page}: has no section {TITLE!r}")
    begin, end = f"<!-- {kind} -->\n", f"<!-- end of {kind} -->\n"
    head, _, tail = section.partition(begin)
    _, found, rest = tail.partition(end)
    table = markdown(FIGURES, [figure.cells for figure in figures])
    if not found:  # the first of this kind stands below the section's words
        words, line, rest = section.partition("\n\n## ")
        head, rest = f"{words}\n\n", f"{line}{rest}"
    page.write_text(f"{before}{title}{head}{begin}On {machine()}:\n\n{table}\n{end}{rest}")


if __name__ == "__main__":
    cli.main(run)
