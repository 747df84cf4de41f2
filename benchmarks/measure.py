"""What the benchmarks share: figures beside their targets, and several ways to do the same work, timed side by side.

In every round each variant does a few of the items and then many. The difference, for each item, is its cost: what both
take alike (processes, plans, models) cancels out. A first round over the few items only warms up.
"""

import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from emotionscope.commands import score
from emotionscope.commands.settings import Score
from emotionscope.errors import JobError

OURS = "EmotionScope"
FIGURES = ("Figure", "Value", "Target", "")
COMPARISONS = ("Work", "Against", "Ours, ms", "Theirs, ms", "Times ours", "Lowest–highest", "Target", "")
Variant = Callable[[int], object]  # does the first n of the items


@dataclass(frozen=True)
class Figure:
    """A figure and its target: at least `least`, or at most `most`; neither where it only informs."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str:
        """``met`` or ``missed``; empty where there is no target."""
        if self.least is None and self.most is None:
            return ""
        low = self.least is not None and self.value < self.least
        return "missed" if low or (self.most is not None and self.value > self.most) else "met"

    @property
    def target(self) -> str:
        """The target in words; empty where there is none."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"

    @property
    def cells(self) -> tuple[str, ...]:
        """The row under the head `FIGURES`."""
        return self.name, f"{self.value:,.3g}" if self.value < 1000 else f"{self.value:,.0f}", self.target, self.verdict


@dataclass(frozen=True)
class Benchmark:
    """One piece of work and the variants that do it: ours under `OURS`, and its peers.

    `targets` has the least ratio of a peer's cost to ours; a peer in `slow` does that many times fewer items.
    """

    name: str
    item: str
    what: str
    variants: Mapping[str, Variant]
    few: int
    many: int
    targets: Mapping[str, float] = field(default_factory=dict)
    slow: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A peer beside us: seconds an item (medians), the median ratio theirs / ours, and its lowest and highest round."""

    work: str
    peer: str
    ours: float
    theirs: float
    ratio: Figure
    low: float
    high: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row under the head `COMPARISONS`."""
        costs = (f"{1000 * self.ours:,.3g}", f"{1000 * self.theirs:,.3g}", f"{self.ratio.value:.2f}")
        return self.work, self.peer, *costs, f"{self.low:.2f}–{self.high:.2f}", self.ratio.target, self.ratio.verdict


def compare(benchmark: Benchmark, rounds: int) -> list[Comparison]:
    """Time all variants in turn, `rounds` times."""
    items = {}
    for name, variant in benchmark.variants.items():
        items[name] = [count // benchmark.slow.get(name, 1) for count in (benchmark.few, benchmark.many)]
        variant(items[name][0])
    cost: dict[str, list[float]] = {name: [] for name in benchmark.variants}
    for _ in range(rounds):
        for name, variant in benchmark.variants.items():
            few, many = (_seconds(variant, count) for count in items[name])
            more = max(many - few, many / 10)  # on a busy machine the few may take longer than the many
            cost[name].append(more / (items[name][1] - items[name][0]))
    found = []
    for peer in (name for name in cost if name != OURS):
        ratios = [theirs / ours for ours, theirs in zip(cost[OURS], cost[peer], strict=True)]
        ratio = Figure(peer, statistics.median(ratios), least=benchmark.targets.get(peer))
        ours, theirs = (statistics.median(cost[name]) for name in (OURS, peer))
        work = f"{benchmark.name}, for each {benchmark.item}"
        found.append(Comparison(work, peer, ours, theirs, ratio, min(ratios), max(ratios)))
    return found


def _seconds(variant: Variant, items: int) -> float:
    began = time.perf_counter()
    variant(items)
    return time.perf_counter() - began


def show(title: str, rows: Sequence[Figure] | Sequence[Comparison]) -> None:
    """Print a table, coloured by the verdicts."""
    head = COMPARISONS if isinstance(rows[0], Comparison) else FIGURES
    table = Table(*head, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*row.cells, style={"met": "green", "missed": "red"}.get(row.cells[-1]))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)) + "\n"


def machine() -> str:
    """This machine in words: its cores, their kind and its memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":")[1].strip() if names else platform.machine()
    return f"{os.cpu_count()} cores of {name}, {memory:.0f} GiB"


def score_quietly(bundle: str, shard_rows: int, **source: Any) -> None:
    """Score a table (``dialogues=`` or ``keyframes=``) on the Ray that runs, into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        score.run(Score(**source, bundle=bundle, output=f"{folder}/out", shard_rows=shard_rows))


@contextlib.contextmanager
def job(name: str, options: Mapping[str, object], address: str = "local") -> Iterator["subprocess.Popen[bytes]"]:
    """A job as a user starts it, on the Ray at `address` (by default its own). Raises JobError where it fails."""
    flags = [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
    command = [sys.executable, "-m", f"jobs.{name}", *flags]
    environment = {**os.environ, "RAY_ADDRESS": address}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        yield process
        if process.wait():
            raise JobError(f"{' '.join(command)} ended with code {process.returncode}")


def memory(pid: int) -> int:
    """Bytes that a process and all below it hold; what several share counts once."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                total += process.memory_full_info().pss
    return total
