"""A table of measured figures beside the bars they should reach."""

import sys
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

WIDE = 120  # columns of a table in a file


@dataclass(frozen=True)
class Figure:
    """A figure and the bar it should reach: at least `least`, at most `most`, both; neither, where it only informs."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def bar(self) -> str:
        """The bar in words; empty where there is none."""
        if self.least is not None and self.most is not None:
            return f"exactly {self.least:g}" if self.least == self.most else f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if self.most is not None else ""

    @property
    def verdict(self) -> str:
        """Whether the figure reaches its bar; empty where there is none."""
        if not self.bar:
            return ""
        missed = (self.least is not None and self.value < self.least) or (
            self.most is not None and self.value > self.most
        )
        return "missed" if missed else "holds"


def _told(value: float) -> str:
    """Four digits where they tell something, and none behind the point of a whole number."""
    digits = 0 if value == int(value) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 4
    return f"{value:,.{digits}f}"


def console() -> Console:
    """The screen, or a file that is wide enough for every table."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def show(title: str, figures: list[Figure]) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("bar", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        style = {"holds": "green", "missed": "red"}.get(figure.verdict)
        table.add_row(figure.name, _told(figure.value), figure.bar, figure.verdict, style=style)
    console().print(table)


def markdown(title: str, figures: list[Figure]) -> str:
    """The table in Markdown."""
    lines = [f"| {title} | | Bar | |", "|---|---:|---|---|"]
    lines += [f"| {figure.name} | {_told(figure.value)} | {figure.bar} | {figure.verdict} |" for figure in figures]
    return "\n".join([*lines, ""])
