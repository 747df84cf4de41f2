"""The command ``emotionscope``: runs the job that it names. A job is imported only when it runs."""

import ast
import difflib
import importlib
import sys
from pathlib import Path
from typing import NoReturn

import cyclopts

import emotionscope
from emotionscope import cli
from emotionscope.errors import UserError
from jobs import GROUPS, NAMES

HELP = """Recognises emotions in conversations, from what is said and from the faces on screen.

`emotionscope demo --output demo` shows all of it. `emotionscope JOB --help` explains a job and its flags."""


def main() -> NoReturn:
    """Run the job that the first argument names, or list the jobs."""
    first, *rest = sys.argv[1:] or ["--help"]
    if first in ("--help", "-h"):
        _listing().help_print([])
        sys.exit(0)
    if first == "--version":
        print(emotionscope.__version__)
        sys.exit(0)
    name = first.replace("-", "_")
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        meant = f"did you mean {near[0]}?" if near else "emotionscope --help lists them"
        cli.fail(UserError(f"there is no job {first!r}; {meant}"))
    with cli.working(f"loading {name}"):
        job = importlib.import_module(f"jobs.{name}")
    cli.main(job.run, f"emotionscope {name}", rest)


def _listing() -> cyclopts.App:
    """What ``--help`` shows: the jobs in their groups, with a line each."""
    app = cyclopts.App(
        name="emotionscope", help=HELP, version=emotionscope.__version__, usage="Usage: emotionscope JOB [OPTIONS]"
    )
    for order, (title, names) in enumerate(GROUPS.items()):
        group = cyclopts.Group(title, sort_key=order)
        for place, name in enumerate(names):
            app.command(f"jobs.{name}:run", name=name, help=_docstring(name), group=group, sort_key=place)
    for flag in ("--help", "--version"):
        app[flag].group = "Options"
    return app


def _docstring(name: str) -> str:
    """The job's docstring, read without importing its libraries, which takes seconds."""
    return ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))) or ""


if __name__ == "__main__":
    main()
