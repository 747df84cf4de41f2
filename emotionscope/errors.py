"""The two ways things go wrong: the user's mistake, and a row that cannot be processed."""


class UserError(Exception):
    """A mistake the user can mend. Jobs print it as one line and exit with code 2."""


class RowError(Exception):
    """One row failed. ``str(error)`` is the row's reason: a stable category, a colon, the detail."""
