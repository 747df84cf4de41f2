"""The three kinds of errors: a user's mistake, a job that cannot go on, and a row that cannot be processed."""

RESUME = "nothing that was written is lost; rerun the same command to resume"


class UserError(Exception):
    """A mistake the user can fix. Jobs print it as one line and exit with code 2."""


class JobError(Exception):
    """A job that cannot go on for a reason the user should know. Jobs print it as one line and exit with code 1."""


class RowError(Exception):
    """One row failed. ``str(error)`` is the row's reason: a stable category, a colon, the detail."""


def first_line(error: BaseException | str) -> str:
    """An error's message on one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
