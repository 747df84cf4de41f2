"""Measure how far scores have moved.

They are compared with earlier scores, or with the training data. Labels are not needed. For each property (emotions,
certainty, agreement, words, faces) it prints an index of stability and what moved.
"""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Drift
from emotionscope.errors import JobError, UserError
from emotionscope.evaluation import drift
from emotionscope.profile import Profile, total
from emotionscope.storage.place import Place


def run(settings: Drift) -> list[drift.Drift]:
    """Run the job and return the properties, the farthest moved first; none where one run alone made the scores.

    Raises JobError for a property beyond the limit.
    """
    before, after = _profiles(settings)
    if not before:
        print(f"drift: one run made {settings.scores}, so there is nothing before it to compare with")
        return []
    then, now = total(before), total(after)
    print(f"drift: {sum(now['words'].values()):,} rows against {sum(then['words'].values()):,}", flush=True)
    found = drift.compare(then, now)
    _print(found)
    beyond = [one.name for one in found if settings.limit is not None and one.interval[0] > settings.limit]
    if beyond:
        raise JobError(f"the scores drifted beyond --limit {settings.limit:g}: {', '.join(beyond)}")
    return found


def _profiles(settings: Drift) -> tuple[list[Profile], list[Profile]]:
    """The runs to compare with, and those to compare. Raises UserError where the flags contradict each other."""
    if settings.against and settings.training:
        raise UserError("give either --against or --training")
    if settings.against and Place(settings.against) == Place(settings.scores):
        raise UserError("--against is --scores itself; leave it out to compare the last run with those before")
    after = drift.profiles_of(settings.scores)
    if settings.against or settings.training:
        before = drift.profiles_of(settings.against) if settings.against else [_trained_on(settings.bundle)]
        return before, after[-1:] if settings.latest else after
    return after[:-1], after[-1:]


def _trained_on(bundle: str | None) -> Profile:
    """What the bundle's text model answered when it was trained. Raises UserError where the bundle does not say."""
    uri = bundle_store.chosen(bundle)
    found = bundle_store.read_manifest(uri)["parts"].get("text", {}).get("profile")
    if not found:
        raise UserError(f"--training: {uri} has no profile of a text model's data; train it again")
    return dict(found)


def _print(found: list[drift.Drift]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("property", "index", "95% interval", "drift", "what moved"):
        table.add_column(name, justify="right" if name == "index" else "left")
    for one in found:
        low, high = one.interval
        # As Text, so that no name of a group is read as markup.
        table.add_row(one.name, f"{one.index:.3f}", f"{low:.3f}–{high:.3f}", one.verdict, Text(one.words()))
    Console(highlight=False).print(table)
