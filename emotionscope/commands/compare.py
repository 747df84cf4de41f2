"""Compare two scores tables of one archive.

The two may be of two bundles. For each model it prints weighted F1 in both, on the same rows, and how many answers
changed.
"""

from typing import TYPE_CHECKING

import pyarrow as pa

from emotionscope.commands.settings import Compare
from emotionscope.errors import UserError
from emotionscope.tables import datasets

if TYPE_CHECKING:
    from emotionscope.evaluation.comparison import Comparison


def run(settings: Compare) -> "Comparison":
    """Run the job and return the comparison."""
    dataset = datasets.open_dataset(settings.scores, "scores")
    from emotionscope.evaluation import rows  # brings scikit-learn, for which no mistake need wait

    table = datasets.read(dataset, rows.COLUMNS)
    found = beside(settings.against, table, settings.split)
    print_figures(found)
    return found


def beside(against: str, table: pa.Table, split: str | None) -> "Comparison":
    """The scores beside those of --against. Raises UserError where the two cannot be compared."""
    other = datasets.open_dataset(against, "scores")
    from emotionscope.evaluation import comparison, rows

    try:
        return comparison.compare(datasets.read(other, rows.COLUMNS), table, split)
    except UserError as error:
        raise UserError(f"--against {other.uri}: {error}") from error


def print_figures(found: "Comparison") -> None:
    """The comparison in a few lines."""
    where = f", split {found.split}" if found.split else ""
    print(f"against bundle {' '.join(found.bundles[0]) or 'unknown'}{where}: {found.rows:,} rows in both tables")
    for model, pair in found.models.items():
        low, high = pair.difference.interval
        print(
            f"  {model}: weighted F1 {pair.before:.4f} -> {pair.after:.4f}, {pair.difference.weighted_f1:+.4f} "
            f"({low:+.3f} to {high:+.3f}, {pair.n:,} rows)"
        )
    print(f"  fused answers that changed: {found.changed:,} ({found.fixed:,} became right, {found.broken:,} wrong)")
    if any(found.only):
        print(f"  rows in one table alone: {found.only[0]:,} before, {found.only[1]:,} now")
