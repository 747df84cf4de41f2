"""The pictures: how many times our cost each peer's is, with its spread and its bar; and growth with the rows."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.growth import Run
from benchmarks.rounds import Ratio

INK, QUIET, HOLDS, MISSED, PLAIN = "#1b1f24", "#868e96", "#0e7f54", "#e60408", "#466eff"


def ratios(found: Sequence[Ratio], path: Path) -> None:
    """Write the picture; SVG or PNG by the file's name."""
    with mpl.rc_context({"font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "bench"}):
        figure = Figure((8.5, 0.5 + 0.42 * (len(found) + len({ratio.contest for ratio in found}))), facecolor="white")
        axes = figure.add_subplot()
        place, labels, places = 0.0, [], []
        contest = None
        for ratio in found:
            if ratio.contest != contest:
                contest = ratio.contest
                axes.text(0.0, place, f" {contest}", transform=axes.get_yaxis_transform(), weight="bold", va="center",
                          color=INK)  # fmt: skip
                place += 1
            colour = {"holds": HOLDS, "missed": MISSED}.get(ratio.verdict, PLAIN)
            axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=2, alpha=0.5)
            axes.plot(ratio.median, place, "o", color=colour, markersize=7)
            right = max(ratio.high, ratio.bar or 0) if (ratio.bar or 0) < 1.5 * ratio.high else ratio.high
            axes.annotate(f"{ratio.median:.2f}", (right, place), (6, 0), textcoords="offset points", va="center",
                          color=INK)  # fmt: skip
            if ratio.bar is not None:
                axes.plot([ratio.bar] * 2, [place - 0.35, place + 0.35], color=INK, linewidth=1.5)
            labels.append(ratio.peer)
            places.append(place)
            place += 1
        axes.set_yticks(places, labels)
        axes.set_ylim(place - 0.4, -0.7)
        axes.set_xscale("log")
        low, high = min(ratio.low for ratio in found), max(ratio.high for ratio in found)
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


def growth(runs: Sequence[Run], path: Path) -> None:
    """Write a picture of time and memory against rows; the dotted lines grow with the rows, and not at all."""
    with mpl.rc_context({"font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "bench"}):
        figure = Figure((8.5, 3.0), facecolor="white")
        rows = [run.rows for run in runs]
        seconds, memory = [run.seconds for run in runs], [run.memory for run in runs]
        even = [runs[-1].seconds * count / rows[-1] for count in rows]
        for place, title, values, guide, unit in (
            (1, "Time", seconds, even, "s"),
            (2, "Peak memory", memory, [memory[0]] * len(rows), "GiB"),
        ):
            axes = figure.add_subplot(1, 2, place)
            axes.plot(rows, guide, linestyle=":", color=QUIET)
            axes.plot(rows, values, "o-", color=PLAIN, linewidth=2)
            for count, value in zip(rows, values, strict=True):
                axes.annotate(f"{value:.3g} {unit}", (count, value), (0, 8), textcoords="offset points", ha="center",
                              color=INK)  # fmt: skip
            axes.set_xscale("log")
            axes.set_xticks(rows, [f"{count:,}" for count in rows])
            axes.minorticks_off()
            if unit == "s":
                axes.set_yscale("log")
                axes.set_ylim(min(even) / 1.5, 2.5 * max(values))
            else:
                axes.set_ylim(0, 1.4 * max(values))
            axes.set_xlim(rows[0] / 1.8, rows[-1] * 1.8)
            axes.yaxis.set_visible(False)
            axes.minorticks_off()
            axes.set_title(title, loc="left", weight="bold", color=INK, fontsize=10)
            axes.set_xlabel("rows", color=INK)
            axes.tick_params(axis="both", length=0, colors=INK)
            for side in ("top", "right", "left"):
                axes.spines[side].set_visible(False)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
