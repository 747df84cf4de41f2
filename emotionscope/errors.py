"""The three kinds of errors: a user's mistake, a job that cannot go on, and a row that cannot be processed."""

import unicodedata
from collections.abc import Mapping

RESUME = "nothing that was written is lost; rerun the same command to resume"
LONGEST = 200  # signs of a reason that are shown


class UserError(Exception):
    """A mistake the user can fix. Jobs print it as one line and exit with code 2."""


class JobError(Exception):
    """A job that cannot go on for a reason the user should know. Jobs print it as one line and exit with code 1."""


class RowError(Exception):
    """One row failed. ``str(error)`` is the row's reason: a stable category, a colon, the detail."""


def first_line(error: BaseException | str) -> str:
    """An error's message on one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def visible(text: str) -> str:
    """A text of a user's data for a terminal: control characters, and signs of no width, as Python writes them."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else ascii(sign)[1:-1] for sign in text
    )


def commonest(reasons: Mapping[str, int], most: int = 20) -> list[tuple[str, int]]:
    """The commonest reasons with their rows, in plain signs and one line each, and last the others' as one."""
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    shown = [(visible(reason[:LONGEST]), rows) for reason, rows in ranked[:most]]
    if rest := ranked[most:]:
        shown.append((f"{len(rest):,} other reasons", sum(rows for _, rows in rest)))
    return shown
