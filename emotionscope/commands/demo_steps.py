"""The numbered steps of a demo: a heading each, the command that would do the same, and what it made."""

import importlib
import io
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from typing import Any

from rich.console import Console

from emotionscope import arguments
from emotionscope.commands.settings import SETTINGS


class Steps:
    """Runs jobs one after another and numbers them. `verbose` shows what the jobs print themselves."""

    def __init__(self, verbose: bool) -> None:
        self.number, self.verbose = 0, verbose
        self.console = Console(highlight=False)

    def head(self, title: str, command: str) -> None:
        """Print the heading of the next step."""
        self.number += 1
        self.console.print(f"\n[bold]{self.number}. {title}[/bold]")
        self.console.print(f"   {command}", style="dim", soft_wrap=True, markup=False)

    def run(self, title: str, settings: Any, tell: Callable[[Any], str] | None = None) -> Any:
        """Run the job of these settings and return its answer; `tell` says in a line what the job made."""
        began = time.monotonic()
        name = next(name for name, kind in SETTINGS.items() if kind is type(settings))
        self.head(title, arguments.command(name, settings))
        job = importlib.import_module(f"emotionscope.commands.{name}")
        quiet = tell and not self.verbose
        # Not a file that is closed afterwards: Ray keeps the standard output that it finds.
        with redirect_stdout(io.StringIO()) if quiet else nullcontext():
            answer = job.run(settings)
        if tell:
            self.made(tell(answer), began)
        return answer

    def made(self, what: str, began: float) -> None:
        """Print what a step made, and the seconds since it began."""
        self.console.print(f"   {what}, in {time.monotonic() - began:.1f} s", soft_wrap=True, markup=False)
