"""Print what the models say of a sentence, clip or picture.

This is for a first look and for checks by hand. Use score for archives.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionscope import api, cli
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import RowError, UserError
from emotionscope.labels import EMOTIONS
from emotionscope.text.blank import has_text

SEVERAL = Parameter(negative="", show_default=False)
LONGEST = 1 << 20  # bytes read of a file of lines


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Predict(cli.BundleFlags):
    """Settings of the job."""

    text: Annotated[tuple[str, ...], SEVERAL, Parameter(metavar="TEXT")] = ()
    """A sentence. Repeat the flag for more."""
    lines: cli.Path | None = None
    """Text file, UTF-8, with a sentence on each line."""
    clip: Annotated[tuple[str, ...], SEVERAL, Parameter(metavar="PATH")] = ()
    """A video, or a JPEG or PNG picture. Repeat the flag for more."""


NOTHING = Predict()  # no flag is required by itself, so the command line needs a default for all of them


def run(settings: Predict = NOTHING) -> None:
    """Print a table of answers for the sentences, and one for each clip."""
    texts = [*settings.text, *(_lines(settings.lines) if settings.lines else ())]
    if not texts and not settings.clip:
        raise UserError("give a sentence by --text, a file of them by --lines, or a video or picture by --clip")
    console = Console(highlight=False)
    with api.load(settings.bundle) as models:
        print(f"predict: {bundle_store.describe(models.bundle.uri, models.bundle.version)}", flush=True)
        if texts:
            console.print(_table(["text"], models.texts(texts)))
        for clip in settings.clip:
            try:
                faces = models.clip(clip)
            except RowError as error:
                raise UserError(f"{clip}: {error}") from error
            print(f"{clip}: {len(faces)} faces" + ("" if len(faces) else " found"))
            if len(faces):
                faces["time"] = [f"{time:.1f} s" for time in faces["time"]]
                console.print(_table(["time", "person"], faces))


def _lines(file: str) -> list[str]:
    try:
        with Path(file).open("rb") as stream:
            text = stream.read(LONGEST).decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"--lines {file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"--lines {file}: not UTF-8 text") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _table(names: Iterable[str], answers: pd.DataFrame) -> Table:
    """Each row with its answer, and the two emotions that came next."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in (*names, "emotion", "sure", "else"):
        table.add_column(name, justify="right" if name == "sure" else "left")
    for row in answers.to_dict("records"):
        # As Text, so that no line of a user is read as markup.
        cells = [Text(str(row[name])) for name in names]
        if row["emotion"] is None:
            reason = "the text model knows none of the words" if has_text(row.get("text")) else "no text"
            table.add_row(*cells, Text("–"), "", Text(reason, style="dim"))
            continue
        ranked = sorted(EMOTIONS, key=lambda emotion, row=row: -row[emotion])  # type: ignore[misc]
        others = ", ".join(f"{emotion} {row[emotion]:.0%}" for emotion in ranked[1:3])
        table.add_row(*cells, Text(ranked[0], style="bold"), f"{row[ranked[0]]:.0%}", Text(others, style="dim"))
    return table


if __name__ == "__main__":
    cli.main(run)
