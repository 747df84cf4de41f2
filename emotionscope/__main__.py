"""The command ``emotionscope``: runs the job that it names. A job is imported only when it runs."""

import ast
import difflib
import importlib
import itertools
import mimetypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from emotionscope import stopping

stopping.exit_on_signals()  # before what takes time to load

import cyclopts

import emotionscope
from emotionscope import cli, commands
from emotionscope.commands import GROUPS, NAMES
from emotionscope.commands.settings import SETTINGS
from emotionscope.errors import UserError

HELP = """Recognises emotions in conversations, from what is said and from the faces on screen.

emotionscope demo --output demo scores two short films. emotionscope JOB --help explains a job and its flags."""


SPELLINGS = {"summarize": "summarise"}


def main() -> NoReturn:
    """Run the job that the first argument names, or list the jobs."""
    first, *rest = sys.argv[1:] or ["--help"]
    if first == "help":  # help score, as in other commands
        first, *rest = [*rest, "--help"]
    if first in ("--help", "-h"):
        _listing().help_print([])
        sys.exit(0)
    if first in ("--version", "version"):
        print(emotionscope.__version__)
        sys.exit(0)
    name = first.replace("-", "_").lower()
    name = SPELLINGS.get(name, name)
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        meant = f"did you mean {near[0]}?" if near else "emotionscope --help lists them"
        cli.fail(UserError(f"there is no job {first!r}; {meant}"))
    words = rest if name != "predict" else [*_meant(rest)]
    run_job(name, f"emotionscope {name}", words)


def run_job(name: str, called: str | None = None, words: list[str] | None = None) -> NoReturn:
    """Run one job and exit. `called` is the command in its help, `words` are its flags (default: `sys.argv`)."""
    words = sys.argv[1:] if words is None else words
    cli.begin(SETTINGS[name], called or f"python -m jobs.{name}", _docstring(name), words, lambda: _load(name))


def _load(name: str) -> Callable[[Any], object]:
    with cli.working(f"loading {name}"):
        run: Callable[[Any], object] = importlib.import_module(f"emotionscope.commands.{name}").run
    return run


def _meant(words: list[str]) -> Iterator[str]:
    """The words of predict; those without a flag, which come first, are files or sentences."""
    plain = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    for word in plain:
        is_file = os.path.isfile(word) or (mimetypes.guess_type(word)[0] or "").startswith(("video/", "image/"))
        yield f"--clip={word}" if is_file else f"--text={word}"
    yield from words[len(plain) :]


def _listing() -> cyclopts.App:
    """What ``--help`` shows: the jobs in their groups, with a line each."""
    app = cyclopts.App(
        name="emotionscope",
        help=HELP,
        help_format="plaintext",
        version=emotionscope.__version__,
        usage="Usage: emotionscope JOB [OPTIONS]",
    )
    for order, (title, names) in enumerate(GROUPS.items()):
        group = cyclopts.Group(title, sort_key=order)
        for place, name in enumerate(names):
            app.command(
                f"emotionscope.commands.{name}:run", name=name, help=_docstring(name), group=group, sort_key=place
            )
    for flag in ("--help", "--version"):
        app[flag].group = "Options"
    return app


def _docstring(name: str) -> str:
    """The job's docstring, read without importing its libraries, which takes seconds."""
    return ast.get_docstring(ast.parse(Path(commands.__file__).with_name(f"{name}.py").read_text("utf-8"))) or ""


if __name__ == "__main__":
    main()
