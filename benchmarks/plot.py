"""The picture of the comparisons: each peer's cost as a multiple of ours, with its range and its target."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.measure import Comparison

INK, COLOURS = "#1b1f24", {"met": "#0e7f54", "missed": "#e60408", "": "#466eff"}


def draw(found: Sequence[Comparison], path: Path) -> None:
    """Write the picture as SVG."""
    with mpl.rc_context({"font.size": 10, "svg.hashsalt": "bench", "text.color": INK}):
        figure = Figure((8.5, 0.8 + 0.4 * len(found)), facecolor="white", layout="tight")
        axes = figure.add_subplot()
        for place, one in enumerate(found):
            colour = COLOURS[one.ratio.verdict]
            axes.plot([one.low, one.high], [place, place], color=colour, linewidth=2, alpha=0.5)
            axes.plot(one.ratio.value, place, "o", color=colour, markersize=7)
            beside = (max(one.high, one.ratio.least or 0), place), (8, 0)
            axes.annotate(f"{one.ratio.value:.2f}", *beside, textcoords="offset points", va="center")
            if one.ratio.least is not None:
                axes.plot([one.ratio.least] * 2, [place - 0.35, place + 0.35], color=INK, linewidth=1.5)
        axes.set_yticks(range(len(found)), [f"{one.work.split(',')[0]}: {one.peer.split(':')[0]}" for one in found])
        axes.set_ylim(len(found) - 0.5, -0.8)
        axes.set_xscale("log")
        axes.set_xticks(ticks := [0.2, 0.5, 1, 2, 5, 10], [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.axvline(1, color="#868e96", linewidth=1, linestyle=":")
        axes.set_xlabel("cost, times EmotionScope's (stroke: target)")
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None})
