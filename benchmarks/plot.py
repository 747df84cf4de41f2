"""One picture of all ratios: how many times our cost each peer's is, with its spread and its bar."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.rounds import Ratio

INK, QUIET, HOLDS, MISSED, PLAIN = "#1b1f24", "#868e96", "#0e7f54", "#e60408", "#466eff"


def draw(ratios: Sequence[Ratio], path: Path) -> None:
    """Write the picture; SVG or PNG by the file's name."""
    with mpl.rc_context({"font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "bench"}):
        figure = Figure((8.5, 0.5 + 0.42 * (len(ratios) + len({ratio.contest for ratio in ratios}))), facecolor="white")
        axes = figure.add_subplot()
        place, labels, places = 0.0, [], []
        contest = None
        for ratio in ratios:
            if ratio.contest != contest:
                contest = ratio.contest
                axes.text(0.0, place, f" {contest}", transform=axes.get_yaxis_transform(), weight="bold", va="center",
                          color=INK)  # fmt: skip
                place += 1
            colour = {"holds": HOLDS, "missed": MISSED}.get(ratio.verdict, PLAIN)
            axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=2, alpha=0.5)
            axes.plot(ratio.median, place, "o", color=colour, markersize=7)
            axes.annotate(f"{ratio.median:.2f}", (ratio.high, place), (6, 0), textcoords="offset points", va="center",
                          color=INK)  # fmt: skip
            if ratio.bar is not None:
                axes.plot([ratio.bar] * 2, [place - 0.35, place + 0.35], color=INK, linewidth=1.5)
            labels.append(ratio.peer)
            places.append(place)
            place += 1
        axes.set_yticks(places, labels)
        axes.set_ylim(place - 0.4, -0.7)
        axes.set_xscale("log")
        low, high = min(ratio.low for ratio in ratios), max(ratio.high for ratio in ratios)
        axes.set_xlim(min(0.3, low / 1.3), high * 1.6)
        ticks = [tick for tick in (0.2, 0.5, 1, 2, 5, 10) if min(0.3, low / 1.3) <= tick <= high * 1.6]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.axvline(1, color=QUIET, linewidth=1, linestyle=":")
        axes.set_xlabel("times EmotionScope's cost (more is better); upright stroke: the bar", color=INK)
        axes.tick_params(axis="both", length=0, colors=INK)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
