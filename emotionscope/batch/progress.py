"""Shows the progress of a job."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY = 10.0  # seconds between progress lines where there is no terminal


class ProgressBar:
    """Progress of a job in rows: a bar on a terminal, a plain line every ten seconds elsewhere."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done, self.errors = title, total, done, 0
        self.started = self.printed = time.monotonic()
        self.first = done
        self.live: Progress | None = None
        if sys.stdout.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            more = (TextColumn("[dim]{task.fields[note]}"), TimeRemainingColumn())
            self.live = Progress(*columns, *more, console=Console(), transient=True)

    def __enter__(self) -> "ProgressBar":
        if self.live:
            self.live.start()
            self.task = self.live.add_task(self.title, total=self.total, completed=self.done, note="")
        return self

    def advance(self, rows: int, errors: int = 0) -> None:
        """Count rows that came out, and how many of them carry an error."""
        self.done += rows
        self.errors += errors
        now = time.monotonic()
        rate = (self.done - self.first) / max(now - self.started, 1e-6)
        note = f"{rate:,.1f} rows/s" + (f", {self.errors} failed" if self.errors else "")
        if self.live:
            self.live.update(self.task, completed=self.done, note=note)
        elif now - self.printed >= LINE_EVERY:
            self.printed = now
            left = (self.total - self.done) / rate if rate else 0
            print(f"{self.title}: {self.done:,} of {self.total:,} rows, {note}, {left:,.0f} s left", flush=True)

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.stop()


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal or in a notebook how much of a call is done; the block is given a function that counts."""
    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)
