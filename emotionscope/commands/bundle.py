"""Show a bundle's card or versions, compare two, or go back.

PATH@VERSION names a version wherever a job takes a bundle. Without a flag but --bundle this lists the versions.
"""

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from emotionscope.bundle import difference, model_card, store
from emotionscope.commands.settings import Bundle


def run(settings: Bundle) -> None:
    """Print what was asked for, or restore a version."""
    uri = store.chosen(settings.bundle)
    console = Console(highlight=False)
    if settings.restore:
        store.restore(uri, settings.restore)
        print(f"bundle: {uri} is version {settings.restore} again")
    elif settings.card:
        console.print(Markdown(model_card.render(store.read_manifest(uri))))
    elif settings.against:
        before, after = store.read_manifest(store.chosen(settings.against)), store.read_manifest(uri)
        print(f"bundle: from version {before['version']} to {after['version']}")
        _print(console, ("part", "what", "before", "after"), [
            (change.part, change.name, change.before, change.after) for change in difference.changes(before, after)
        ])  # fmt: skip
    else:
        newest = store.read_manifest(store.split_version(uri)[0])["version"]
        _print(console, ("version", "published", "parts", ""), [
            (found["version"], found.get("published", ""), ", ".join(found["parts"]),
             "newest" if found["version"] == newest else "")
            for found in store.versions(uri)
        ])  # fmt: skip


def _print(console: Console, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if not rows:
        print("  nothing differs")
        return
    table = Table(*names, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))  # as Text, so that no name in a manifest is read as markup
    console.print(table)
