"""Count scores by dialogue, speaker, person and time.

For each group it writes the rows, the share and the mean probability of each emotion, and how often the emotion shifts
from one utterance to the next. A table of transitions says how often each emotion follows each. Every summary is a
Parquet and a CSV file. The job needs no Ray, and its memory does not grow with the rows.
"""

import time
from dataclasses import asdict

from emotionscope import cli, ray_session
from emotionscope.commands.settings import Dashboard, Summarise
from emotionscope.errors import UserError
from emotionscope.identities import people
from emotionscope.runs import claim
from emotionscope.runs.run import begin
from emotionscope.summaries import summarise
from emotionscope.summaries.summarise import Seen, Summaries
from emotionscope.tables import corrections, datasets


def run(settings: Summarise) -> Summaries:
    """Run the job and return what it wrote."""
    began = time.monotonic()
    scores = datasets.open_dataset(settings.scores, "scores")
    faces = datasets.open_dataset(settings.faces, "faces") if settings.faces else None
    if settings.people and faces is None:
        raise UserError("--people needs --faces")
    said = corrections.read(faces.uri) if faces else []
    who = people.who_is_who(ray_session.output_place(settings.people)) if settings.people else {}
    inputs = {table: claim.fingerprint(dataset) for table, dataset in (("scores", scores), ("faces", faces)) if dataset}
    output = begin(ray_session.output_place(settings.output), "summarise", {**asdict(settings), "inputs": inputs})
    print(f"summarise: {scores.rows:,} rows of {scores.uri}" + (f", {faces.rows:,} faces" if faces else ""), flush=True)
    seen = Seen(faces, said, corrections.as_said(who, said)) if faces else None
    found = summarise.summarise(scores, seen, settings.model, settings.every, output.uri)
    seconds = time.monotonic() - began
    for name, rows in found.tables.items():
        print(f"  {rows:>10,}  {name}")
    _print_missing(scores, faces, found)
    summary = {
        "job": "summarise",
        "rows": scores.rows,
        **asdict(found),
        "seconds": round(seconds, 2),
        **asdict(settings),
    }
    output.finish_small(summary, {f"{name}.parquet": rows for name, rows in found.tables.items()})
    print(f"  written to {output.uri} in {seconds:,.1f} s", flush=True)
    cli.say_next("dashboard", Dashboard(scores=scores.uri, faces=settings.faces, people=settings.people))
    return found


def _print_missing(scores: datasets.Dataset, faces: datasets.Dataset | None, found: Summaries) -> None:
    for column, kind in (("speaker", "speaker"), ("start", "span of time")):
        if column not in scores.schema.names:
            print(f"  none by {kind}: the scores have no column {column}")
    if "start" in scores.schema.names and found.rows_without_time:
        print(f"  {found.rows_without_time:,} rows have no start and are in no span of time")
    if faces is None:
        print("  none by person: name the faces table by --faces")
