"""What a run left in its output: parts that are whole and its own, those to make again, and those of others."""

import hashlib
import json
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope import __version__
from emotionscope.errors import JobError, UserError, first_line
from emotionscope.runs import shards
from emotionscope.runs.claim import Claim
from emotionscope.runs.shards import Shard, Tally, Totals
from emotionscope.storage.place import IO_THREADS, File, JsonObject, Place
from emotionscope.tables.contracts import TableContract
from emotionscope.tables.manifest import SUMMARY, PartRows, Summary

NOTE = b"emotionscope"  # of a part's metadata: whose part it is


def note(claim: Claim, shard: str, rows: int) -> JsonObject:
    """What a part says of itself; the same for every run with the same settings."""
    facts = {"job": claim.facts["job"], "version": __version__, **claim.settings}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    named = {key: value for key, value in claim.settings.items() if key in ("input", "bundle")}
    return {"job": claim.facts["job"], "run": digest[:16], "shard": shard, **named, "rows": rows}


def note_of(metadata: pq.FileMetaData) -> Any:
    """The note of a part that was written; None where it is no part of an output."""
    return json.loads((metadata.metadata or {}).get(NOTE, b"null"))


def find_done(
    folder: Place,
    claim: Claim,
    contract: TableContract,
    before: Summary | None,
    todo: list[Shard],
    redo: Container[str] = (),
) -> tuple[Totals, list[Shard]]:
    """The counts of the shards whose parts are whole, and the shards still to do, with those named in `redo`.

    A damaged part is done again. Raises UserError for a part that another run wrote, or of no shard of this run.
    """
    there = list_parts(folder, before, {shard.name for shard in todo})

    def count(shard: Shard) -> Tally | None:
        wanted = shard.name in there and shard.name not in redo
        return _read_part(folder, claim, contract, shard) if wanted else None

    done, missing = Totals(), []
    with ThreadPoolExecutor(IO_THREADS) as readers:
        for shard, tally in zip(todo, readers.map(count, todo), strict=True):
            if tally:
                done.add(tally)
            else:
                missing.append(shard)
    return done, missing


def list_parts(folder: Place, before: Summary | None, known: set[str]) -> set[str]:
    """The names of the parts that are there. Raises UserError for one too many, or a finished one that is lost."""
    there = {file.name for file in folder.list(".parquet")}
    listed = {part.name for part in before.parts} if before else set()
    for name in sorted(listed - there - known):
        raise UserError(f"{folder / name}: lost, though {SUMMARY} lists it; make the table again")
    for name in sorted(there - listed - known):
        raise UserError(f"{folder / name}: not a part of this output; move it away and rerun the same command")
    return there


def _read_part(folder: Place, claim: Claim, contract: TableContract, shard: Shard) -> Tally | None:
    """The counts of a part that is there; None where it is damaged."""
    place = folder / shard.name
    filesystem, path = place.arrow()
    try:
        # All of it: zeroed pages under a good footer are found by their checksums alone.
        with pq.ParquetFile(path, filesystem=filesystem, page_checksum_verification=True) as file:
            found = note_of(file.metadata)
            rows = shard.rows if contract.error else file.metadata.num_rows  # a shard has any number of faces
            table = file.read()
        tally = shards.tally(table, shard.name, contract)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError):
            place.read_bytes()  # raises where the store fails, which damages nothing
        print(f"{place}: damaged ({first_line(error)}); redoing its rows", flush=True)
        return None
    if found != note(claim, shard.name, rows):
        raise UserError(
            f"{place}: written by another run or for another input; move it away and rerun the same command"
        )
    if len(table) != rows:
        print(f"{place}: has {len(table)} of {rows} rows; redoing them", flush=True)
        return None
    return tally


def check_part(folder: Place, claim: Claim, part: PartRows) -> None:
    """Raise JobError where a part that the run has written is no longer there, or another's."""
    place = folder / part.name
    filesystem, path = place.arrow()
    try:
        metadata = pq.read_metadata(path, filesystem=filesystem)
        ours = note_of(metadata) == note(claim, part.name, metadata.num_rows)
    except (pa.ArrowInvalid, FileNotFoundError, ValueError) as error:
        raise JobError(
            f"{place}: lost or damaged while the job ran; rerun the same command to make it again"
        ) from error
    if not ours or metadata.num_rows != part.rows:
        raise JobError(f"{place}: another run wrote it meanwhile; name another --output")


def delete_unlisted(folder: Place, claim: Claim, listed: Container[str]) -> None:
    """Delete the parts that a run wrote and no manifest lists."""
    for file in folder.list(".parquet"):
        if file.name not in listed and _is_of(claim, file):
            file.uri.delete()


def _is_of(claim: Claim, file: File) -> bool:
    """Whether a part was written by a claim's run; one that is damaged tells nothing."""
    filesystem, path = file.uri.arrow()
    try:
        found = note_of(pq.read_metadata(path, filesystem=filesystem))
    except (pa.ArrowException, ValueError):
        return False
    return isinstance(found, dict) and found.get("input") == claim.facts.get("input")
