"""Ways of doing the same work, timed side by side: in turn, several rounds, start-up apart from what an item costs.

Each way does a few of the items and then many of them in every round. What the many take longer, for each item more, is
its cost; what the few take beyond that is start-up (plans, processes, models). The first round only warms up.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from benchmarks.bars import console

OURS = "EmotionScope"
Way = Callable[[int], object]  # does the first n of the items


@dataclass(frozen=True)
class Contest:
    """One piece of work, and the ways to do it: ours under `OURS`, its peers and the floors that nobody goes below.

    `bars` has the least ratio of a peer's cost to ours.
    """

    name: str
    item: str
    what: str
    ways: Mapping[str, Way]
    few: int
    many: int
    bars: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ratio:
    """How many times a peer's cost is ours: the median of the rounds, the lowest and the highest; and its bar."""

    contest: str
    peer: str
    median: float
    low: float
    high: float
    bar: float | None

    @property
    def verdict(self) -> str:
        """Whether the median reaches the bar; empty where there is none."""
        return "" if self.bar is None else "holds" if self.median >= self.bar else "missed"


@dataclass(frozen=True)
class Outcome:
    """What a contest came to: seconds an item and of start-up for each way (medians), and the ratios."""

    contest: Contest
    cost: dict[str, float]
    start: dict[str, float]
    ratios: list[Ratio]


def hold(contest: Contest, rounds: int) -> Outcome:
    """Run all ways in turn, `rounds` times after one that warms up."""
    cost: dict[str, list[float]] = {name: [] for name in contest.ways}
    start: dict[str, list[float]] = {name: [] for name in contest.ways}
    for turn in range(rounds + 1):
        for name, way in contest.ways.items():
            few, many = _seconds(way, contest.few), _seconds(way, contest.many)
            if turn:
                cost[name].append(max(many - few, 1e-9) / (contest.many - contest.few))
                start[name].append(max(few - contest.few * cost[name][-1], 0.0))
    ratios = []
    for peer in contest.ways:
        if peer != OURS:
            each = [theirs / ours for theirs, ours in zip(cost[peer], cost[OURS], strict=True)]
            middle = statistics.median(each)
            ratios.append(Ratio(contest.name, peer, middle, min(each), max(each), contest.bars.get(peer)))
    medians = [{name: statistics.median(values) for name, values in table.items()} for table in (cost, start)]
    return Outcome(contest, medians[0], medians[1], ratios)


def _seconds(way: Way, items: int) -> float:
    began = time.perf_counter()
    way(items)
    return time.perf_counter() - began


HEAD = ("", "ms an item", "start-up, s", "times ours", "lowest–highest", "bar", "")


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """The table's rows under `HEAD`, ours first."""
    table: list[tuple[str, ...]] = [
        (OURS, _milliseconds(outcome.cost[OURS]), f"{outcome.start[OURS]:.1f}", "1", "", "", "")
    ]
    for ratio in outcome.ratios:
        bar = "" if ratio.bar is None else f"at least {ratio.bar:g}"
        costs = _milliseconds(outcome.cost[ratio.peer]), f"{outcome.start[ratio.peer]:.1f}"
        spread = f"{ratio.low:.2f}–{ratio.high:.2f}"
        table.append((ratio.peer, *costs, f"{ratio.median:.2f}", spread, bar, ratio.verdict))
    return table


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def show(outcome: Outcome) -> None:
    """Print the table."""
    contest = outcome.contest
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for number, name in enumerate(HEAD):
        table.add_column(name, justify="right" if 1 <= number <= 4 else "left", no_wrap=True)
    styles = {"holds": "green", "missed": "red"}
    for row in rows(outcome):
        table.add_row(*row, style="bold" if row[0] == OURS else styles.get(row[-1]))
    console().print(f"[bold]{contest.name}[/bold]: {contest.what}", table)


def markdown(outcomes: Sequence[Outcome]) -> str:
    """All ratios as one table in Markdown, and what each contest ran over."""
    lines = [
        "| Work | Against | Ours, ms | Theirs, ms | Times ours | Lowest–highest | Bar | |",
        "|---|---|---:|---:|---:|---|---|---|",
    ]
    for outcome in outcomes:
        contest = outcome.contest
        for ratio, row in zip(outcome.ratios, rows(outcome)[1:], strict=True):
            cells = (f"{contest.name}, a {contest.item}", ratio.peer, rows(outcome)[0][1], row[1], *row[3:])
            lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {outcome.contest.name}: {outcome.contest.what}; start-up {_starts(outcome)}." for outcome in outcomes]
    return "\n".join([*lines, "", *notes, ""])


def _starts(outcome: Outcome) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.start.items() if seconds >= 0.5) or "none"
