"""The picture of the comparisons: how many times EmotionScope's time another way takes, with its range and its target.

`python -m benchmarks.plot` draws the first table of comparisons in docs/figures.md, so the two say the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks import measure
from benchmarks.measure import COMPARISONS, Comparison
from emotionscope import cli
from emotionscope.errors import UserError

# Of a light and of a dark page: the ground, the words, and the marks by their verdict.
LIGHT = {"page": "#ffffff", "ink": "#1b1f24", "faint": "#868e96", "met": "#0e7f54", "missed": "#c9302c", "": "#3c61d6"}
DARK = {"page": "#0d1117", "ink": "#e6edf3", "faint": "#8b949e", "met": "#3fb984", "missed": "#ff7b72", "": "#8ca6ff"}
MARKS = {"met": "o", "missed": "X", "": "D"}
MEANING = {"met": "median, target met", "missed": "median, target missed", "": "median, no target"}
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20)


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Plot:
    """Settings of the picture."""

    page: cli.Path = "docs/figures.md"
    """Markdown page with the table of comparisons."""
    output: cli.Path = "docs/bench.svg"
    """Where to write the picture; that for dark pages stands beside it, as NAME-dark.svg."""


NOTHING = Plot()  # no flag is required, so the command line needs a default for all of them


def run(settings: Plot = NOTHING) -> None:
    """Draw the page's table."""
    draw(read(Path(settings.page)), Path(settings.output))


def read(page: Path) -> list[Comparison]:
    """The comparisons of a page's first table of them. Raises UserError where it has none."""
    head = re.escape("| " + " | ".join(COMPARISONS[:-1])) + r" \| +\|"  # the last column has no name
    found = re.search(rf"^{head}\n\|[-:| ]+\|\n((?:\|.*\|\n)+)", page.read_text(), re.MULTILINE)
    if not found:
        raise UserError(f"{page}: has no table of comparisons")
    rows: list[Comparison] = []
    for line in found[1].splitlines():
        work, peer, ours, theirs, times, span, target, _ = (cell.strip() for cell in line[1:-1].split("|"))
        low, high = map(float, span.split("–"))
        least = float(target.removeprefix("at least ")) if target else None
        ratio = measure.Figure(peer, float(times), least)
        mine, other = (float(each.replace(",", "")) / 1000 for each in (ours, theirs))
        rows.append(Comparison(work or rows[-1].work, peer, mine, other, ratio, low, high))
    return rows


def draw(found: Sequence[Comparison], path: Path) -> None:
    """Write the picture as SVG, for light pages and beside it for dark ones; the largest gain comes first."""
    rows = sorted(found, key=lambda one: -one.ratio.value)
    for colours, target in ((LIGHT, path), (DARK, path.with_stem(f"{path.stem}-dark"))):
        style: dict[Any, Any] = {"font.size": 10, "svg.hashsalt": "bench", "svg.fonttype": "none"}
        style |= dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), colours["ink"])
        style |= {"axes.edgecolor": colours["faint"], "axes.facecolor": colours["page"], "font.family": "sans-serif"}
        with mpl.rc_context(style):
            figure = Figure((8.5, 1.7 + 0.4 * len(rows)), facecolor=colours["page"], layout="constrained")
            axes = figure.add_subplot()
            for place, one in enumerate(rows):
                _row(axes, place, one, colours)
            _explain(figure, axes, rows, colours)
            figure.savefig(target, metadata={"Date": None})


def _row(axes: Axes, place: int, one: Comparison, colours: dict[str, str]) -> None:
    colour, verdict = colours[one.ratio.verdict], one.ratio.verdict
    axes.plot([one.low, one.high], [place, place], color=colour, linewidth=3, alpha=0.6, solid_capstyle="butt")
    axes.plot(one.ratio.value, place, MARKS[verdict], color=colour, markersize=7)
    if one.ratio.least is not None:
        axes.plot([one.ratio.least] * 2, [place - 0.33, place + 0.33], color=colours["ink"], linewidth=1.5)
    beside = (max(one.high, one.ratio.least or 0), place), (8, 0)
    axes.annotate(f"{one.ratio.value:.2f}", *beside, textcoords="offset points", va="center")


def _explain(figure: Figure, axes: Axes, rows: Sequence[Comparison], colours: dict[str, str]) -> None:
    """Names, the scale, and what the marks mean."""
    axes.set_yticks(range(len(rows)), [f"{one.work.split(',')[0]}: {one.peer.split(':')[0]}" for one in rows])
    axes.set_ylim(len(rows) - 0.5, -0.8)
    axes.set_xscale("log")
    most = 1.5 * max(one.high for one in rows)
    ticks = [tick for tick in TICKS if tick <= most]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.set_xlim(0.8 * min(0.5, *(one.low for one in rows)), most)
    axes.minorticks_off()
    axes.tick_params(length=0)
    axes.axvline(1, color=colours["faint"], linewidth=1, linestyle=":")
    words = (
        "The time that another way takes, in times EmotionScope's. Right of the dotted line, EmotionScope is faster."
    )
    figure.suptitle(words, fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    there = {one.ratio.verdict for one in rows}
    marks = [
        Line2D([], [], color=colours[verdict], marker=MARKS[verdict], linestyle="", label=MEANING[verdict])
        for verdict in MEANING
        if verdict in there
    ]
    marks.append(Line2D([], [], color=colours["faint"], linewidth=3, alpha=0.6, label="lowest to highest round"))
    marks.append(Line2D([], [], color=colours["ink"], marker="|", markersize=11, linestyle="", label="target"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=9)


if __name__ == "__main__":
    cli.main(run)
