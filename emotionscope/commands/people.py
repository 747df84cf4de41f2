"""Find who is who across films, and their names.

Reads a faces table with embeddings, which score --faces --embeddings writes. Joins the persons of its films: the same
number, identity, is the same person everywhere. Writes identities (which person of which video is which identity),
people (a row for each identity) and centroids, by which a later run knows them again: --known. The job needs no Ray.

Embeddings and centroids are biometric data. See docs/people.md for what that asks of you.
"""

import time
from dataclasses import asdict

from emotionscope import ray_session
from emotionscope.commands.settings import People
from emotionscope.identities import people
from emotionscope.identities.people import Sources
from emotionscope.runs import claim
from emotionscope.runs.run import begin
from emotionscope.tables import datasets


def run(settings: People) -> people.People:
    """Run the job and return its counts."""
    began = time.monotonic()
    faces = datasets.open_dataset(settings.faces, "faces")
    scores = datasets.open_dataset(settings.scores, "scores") if settings.scores else None
    known, portraits = (
        None if uri is None else ray_session.output_place(uri) for uri in (settings.known, settings.names)
    )
    inputs = {table: claim.fingerprint(dataset) for table, dataset in (("faces", faces), ("scores", scores)) if dataset}
    output = begin(ray_session.output_place(settings.output), "people", {**asdict(settings), "inputs": inputs})
    print(f"people: {faces.rows:,} faces of {faces.uri}", flush=True)
    found, rows, facts = people.find(faces, Sources(known, portraits, scores), output.uri)
    seconds = round(time.monotonic() - began, 2)
    summary = {"job": "people", "rows": faces.rows, **asdict(found), **facts, "seconds": seconds}
    output.finish_small({**summary, **asdict(settings)}, rows)
    print(f"  {found.persons:>10,}  persons of films with a face that was embedded")
    print(f"  {found.unknown:>10,}  of whom it is not sure who they are")
    print(f"  {found.identities:>10,}  identities, {found.named:,} with a name")
    print(f"  {found.corrections:>10,}  corrections made on the pages")
    print(f"  written to {output.uri} in {seconds:,.1f} s", flush=True)
    return found
