"""What all jobs share at the command line: types of flags and their ranges, errors in one line, exit codes."""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass, is_dataclass
from typing import Annotated, Any, NoReturn, get_type_hints

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from emotionscope import arguments as arguments_
from emotionscope import stopping
from emotionscope.errors import RESUME, JobError, UserError, visible

# On a job's settings: each field becomes a flag, its docstring the help.
flags = Parameter(name="*")

# Types of flags. Where a field has one, the command line checks its range and names its kind in the help.
Path = Annotated[str, Parameter(metavar="PATH")]
Name = Annotated[str, Parameter(metavar="NAME")]
Text = Annotated[str, Parameter(metavar="TEXT")]
Switch = Annotated[bool, Parameter(negative="", show_default=False)]
PositiveInt = Annotated[int, Parameter(validator=Number(gte=1))]
NonNegativeInt = Annotated[int, Parameter(validator=Number(gte=0))]
Fraction = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]  # 0 and 1 included

# Parts of the help.
OPTIONS = cyclopts.Group("Options", sort_key=0)
VIDEOS = Parameter(group=cyclopts.Group("Videos", sort_key=1))
LEARNING = Parameter(group=cyclopts.Group("Learning", sort_key=2))
RUNNING = Parameter(group=cyclopts.Group("Running", sort_key=3))


@flags
@dataclass(frozen=True, kw_only=True)
class _Common:
    """Flags of every job."""

    quiet: Annotated[Switch, RUNNING] = False
    """Print only errors and results."""
    json: Annotated[Switch, RUNNING] = False
    """Print the result as JSON, and nothing else."""


def main(run: Callable[[Any], object], arguments: list[str] | None = None) -> NoReturn:
    """Read the flags of `run`'s settings (default: from ``sys.argv``), run it, and exit, as `begin` does."""
    module = sys.modules[run.__module__]
    name = module.__spec__.name if module.__spec__ else run.__module__
    (kind,) = (each for place, each in get_type_hints(run).items() if place != "return")
    words = sys.argv[1:] if arguments is None else arguments
    begin(kind, f"python -m {name}", module.__doc__ or "", words, lambda: run)


def begin(
    kind: type, name: str, help_: str, arguments: list[str], load: Callable[[], Callable[[Any], object]]
) -> NoReturn:
    """Read the flags of a job's settings of this kind, run what `load` gives, and exit.

    The code is 0 when finished, 1 if not, 2 for a user's mistake, which is told before the job is loaded.
    """
    stopping.exit_on_signals()
    try:
        settings, common = read(kind, name, help_, arguments)
        run = load()
        with _silence() if common.quiet or common.json else nullcontext():
            answer = run(settings)
        show = getattr(sys.modules[run.__module__], "show", None)
        if common.json and answer is not None:
            print(json.dumps(_plain(answer), ensure_ascii=False, indent=2))
        elif common.quiet and show:  # a job whose answer is on the screen alone
            show(answer)
    except (UserError, JobError) as error:
        fail(error)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a store that stays away
        fail(JobError(f"{error}; {RESUME}"))
    sys.exit(0)


def read(kind: type, name: str, help_: str, words: list[str]) -> tuple[Any, "_Common"]:
    """The settings of a kind that the words of a command line give, and those of all jobs.

    Prints the help and exits where it is asked for. Raises UserError for a mistake.
    """
    app = cyclopts.App(
        name=name,
        help=help_,
        version_flags=[],
        group_parameters=OPTIONS,
        result_action="return_value",
        help_format="plaintext",
    )
    app["--help"].show = False  # who reads the help has found it
    return arguments_.read(app, kind, _Common, words)


@contextmanager
def _silence() -> Iterator[None]:
    global _silent
    _silent = True
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        _silent = False


_silent = False  # where --quiet or --json is given


def is_watched() -> bool:
    """Whether a person sees what moves: standard error is a terminal, and neither --quiet nor --json is given."""
    return not _silent and Console(stderr=True).is_terminal


def _plain(value: Any) -> Any:
    """A result as plain JSON values: no classes, no arrays, and null for NaN and infinity."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def fail(error: Exception) -> NoReturn:
    """Print the error in one line and exit with its code: 1 for a JobError, else 2."""
    print(f"error: {visible(' '.join(str(error).split()))}", file=sys.stderr)
    sys.exit(1 if isinstance(error, JobError) else 2)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something takes seconds; the line is gone when the block ends."""
    with Console(stderr=True).status(what) if is_watched() else nullcontext():
        yield


def say_next(name: str, settings: Any) -> None:
    """Print the command that a user most likely runs next, with the paths of this run."""
    print(f"  next: {arguments_.command(name, settings)}", flush=True)


def allowed_errors(setting: str | None, rows: int) -> int | None:
    """The rows that may fail, from ``--max-errors``: a number, or a share such as 5% of all `rows`; None: any.

    Raises UserError for anything else.
    """
    if setting is None:
        return None
    number = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)%", setting.strip())
    if not number:
        raise UserError(f"--max-errors: {setting!r} is neither a number of rows, such as 100, nor a share, such as 5%")
    return int(number[1]) if number[1] else int(rows * float(number[2]) / 100)
