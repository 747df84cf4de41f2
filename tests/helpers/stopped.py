"""A finished scores table as a killed run would have left it."""

import json

import pyarrow.parquet as pq

from emotionscope.storage.place import Place


def claim_again(output: str, after: str | None = None) -> None:
    """Put back the claim of the last run of a finished table, which follows the run `after`."""
    summary = (Place(output) / "_summary.json").read_json()
    note = json.loads(pq.read_metadata(Place(output).list(".parquet")[-1].uri).metadata[b"emotionscope"])
    run = summary["runs"][-1]
    facts = {**summary["settings"], "input": note["input"], "job": "score", "version": run["version"]}
    files = summary["inputs"][-run["files"] :]
    (Place(output) / "_run.json").write_json({"id": run["id"], **facts, "after": after, "files": files})


def as_before_the_summary(output: str) -> None:
    """All that a first run has written when it is killed just before its summary."""
    claim_again(output)
    (Place(output) / "_summary.json").delete()
