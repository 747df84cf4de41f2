"""Shows the progress of a job."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
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

from emotionscope import cli

LINE_EVERY = 10.0  # seconds between progress lines where there is no terminal


class ProgressBar:
    """Progress of a job in rows: a bar where a person watches, a plain line every ten seconds elsewhere.

    Rows count when their shard is written, and before that when `looked_at` tells of them.
    """

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done, self.errors = title, total, done, 0
        self.started = self.printed = time.monotonic()
        self.first = done
        self.written: set[str] = set()
        self.ahead = 0  # rows of shards that are not written yet
        self.lock = threading.Lock()
        self.live: Progress | None = None
        if cli.is_watched():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            more = (TextColumn("[dim]{task.fields[note]}"), TimeRemainingColumn())
            self.live = Progress(*columns, *more, console=Console(stderr=True), transient=True)

    def __enter__(self) -> "ProgressBar":
        if self.live:
            self.live.start()
            self.task = self.live.add_task(self.title, total=self.total, completed=self.done, note="")
        return self

    def advance(self, shard: str, rows: int, errors: int = 0) -> None:
        """Count a shard that is written, its rows, and how many of them carry an error."""
        with self.lock:
            self.written.add(shard)
            self.done += rows
            self.errors += errors
            self.ahead = max(0, self.ahead - rows)
            self._show()

    def looked_at(self, rows: Mapping[str, int]) -> None:
        """Take note of the rows of each shard that are looked at so far."""
        with self.lock:
            self.ahead = sum(count for shard, count in rows.items() if shard not in self.written)
            self._show()

    def _show(self) -> None:
        now = time.monotonic()
        done = min(self.done + self.ahead, self.total)
        rate = (done - self.first) / max(now - self.started, 1e-6)
        note = f"{rate:,.1f} rows/s" + (f", {self.errors} failed" if self.errors else "")
        if self.live:
            self.live.update(self.task, completed=done, note=note)
        elif now - self.printed >= LINE_EVERY:
            self.printed = now
            left = f", {(self.total - done) / rate:,.0f} s left" if rate else ""
            print(f"{self.title}: {done:,} of {self.total:,} rows, {note}{left}", flush=True)

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
