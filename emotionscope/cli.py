"""What every job shares at the command line: flags from a dataclass, and one line for a mistake."""

import re
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import cyclopts

from emotionscope.errors import JobError, UserError

# On a job's settings: each field becomes a flag, its docstring the help.
flags = cyclopts.Parameter(name="*")


def main(run: Callable[[Any], object]) -> NoReturn:
    """Read the flags of `run`'s settings, run it, and exit: 0 when finished, 1 if not, 2 for a user's mistake."""
    module = sys.modules[run.__module__]
    name = f"python -m {module.__spec__.name if module.__spec__ else run.__module__}"
    app = cyclopts.App(name=name, help=module.__doc__, version_flags=[], result_action="return_value")
    app.default(run)
    # SIGTERM ends a job as Ctrl-C does, so that its cluster is shut down with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(sys.argv[1:], exit_on_error=False, print_error=False)
    except (UserError, JobError, cyclopts.CycloptsError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1 if isinstance(error, JobError) else 2)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


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


def print_summary(summary: dict[str, Any], uri: str) -> None:
    """The closing lines of a batch job: counts, failures by reason, time, rate, and where the output is."""
    new = summary["rows"] - summary["rows_resumed"]
    resumed = f" ({summary['rows_resumed']:,} were there already)" if summary["rows_resumed"] else ""
    rate = new / max(summary["seconds"], 1e-6)
    print(f"{summary['job']}: {summary['rows']:,} rows{resumed} in {summary['seconds']:,.1f} s, {rate:,.1f} rows/s")
    print(f"  with faces: {summary['with_faces']:,}")
    failed = sum(summary["errors"].values())
    print(f"  with an error: {failed:,}" + (", kept with its reason:" if failed else ""))
    for reason, rows in sorted(summary["errors"].items(), key=lambda item: -item[1]):
        print(f"    {rows:>8,}  {reason}")
    print(f"  written to {uri}", flush=True)
