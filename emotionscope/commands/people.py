"""Find who is who across the films of an archive, and what they are called.

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
from emotionscope.runs import small_output
from emotionscope.storage import s3
from emotionscope.tables import datasets


def run(settings: People) -> people.People:
    """Run the job and return its counts."""
    began = time.monotonic()
    output = ray_session.output_uri(settings.output)
    s3.check_access(output)
    faces = datasets.open_dataset(settings.faces, "faces")
    scores = datasets.open_dataset(settings.scores, "scores") if settings.scores else None
    known, portraits, corrections = (
        None if uri is None else ray_session.output_uri(uri)
        for uri in (settings.known, settings.names, settings.corrections)
    )
    small_output.begin(output, {"job": "people", **asdict(settings)})
    print(f"people: {faces.rows:,} faces of {faces.uri}", flush=True)
    found, next_ = people.find(faces, Sources(known, portraits, corrections, scores), output)
    seconds = round(time.monotonic() - began, 2)
    summary = {"job": "people", "rows": faces.rows, **asdict(found), "next_identity": next_, "seconds": seconds}
    small_output.finish(output, {**summary, **asdict(settings)})
    print(f"  {found.persons:>10,}  persons of films with a face that was embedded")
    print(f"  {found.unknown:>10,}  of whom it is not sure who they are")
    print(f"  {found.identities:>10,}  identities, {found.named:,} with a name")
    print(f"  written to {output} in {seconds:,.1f} s", flush=True)
    return found
