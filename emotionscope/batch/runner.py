"""Runs a batch job: resumes what is there, shows progress, logs every shard, and writes the summary last."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from emotionscope.batch import unfinished
from emotionscope.batch.counters import RunCounters
from emotionscope.batch.pipeline import BatchJob, plan
from emotionscope.batch.progress import ProgressBar
from emotionscope.errors import JobError, commonest
from emotionscope.labels import MODELS
from emotionscope.profile import TENTHS
from emotionscope.runs import shards
from emotionscope.runs.log import RunLog
from emotionscope.runs.run import Run
from emotionscope.runs.shards import Shard, Tally, Totals
from emotionscope.tables.manifest import Summary


def run(job: BatchJob) -> Summary:
    """Do the shards that are not there yet, and return the summary written with them.

    Raises JobError where more rows fail than the job allows, UserError where the output holds what is not the job's.
    """
    totals, todo = _find_done(job)
    resumed = totals.rows
    with (
        RunLog(job.output.uri) as log,
        ProgressBar(job.output.job, job.dataset.rows, resumed) as progress,
        unfinished.watching(progress.looked_at),
    ):
        log.write(
            "start",
            job=job.output.job,
            files=len(job.dataset.parts),
            rows=job.dataset.rows,
            rows_there=resumed,
            rows_before=job.output.before.rows if job.output.before else 0,
            shards=len(todo),
        )
        _check_errors(job, totals.errors)
        counters = RunCounters(job.output.job, job.output.uri, len(totals.parts), len(todo))
        for node, tally in _written(job, todo):
            totals.add(tally)
            counters.count(tally)
            progress.advance(tally.shard, tally.rows, sum(tally.errors.values()))
            counts = {key: value for key, value in asdict(tally).items() if key != "profile"}
            log.write("shard", node=node, **counts, rows_done=progress.done)
            _check_errors(job, totals.errors)
        if job.faces:
            _finish_faces(job, job.faces)
        summary = job.output.finish(totals, resumed)
        log.write("finish", **asdict(summary.last), rows_in_table=summary.rows)
    return summary


def print_summary(summary: Summary, uri: str, faces: str | None = None) -> None:
    """The closing lines of a batch job: counts, failures by reason, time, rate, and where the tables are."""
    run = summary.last
    resumed = f" ({run.rows_resumed:,} were there already)" if run.rows_resumed else ""
    print(f"{summary.job}: {run.rows:,} rows{resumed} in {run.seconds:,.1f} s, {run.rows_per_second:,.1f} rows/s")
    for model in MODELS:
        counts = run.profile.get(f"emotion by {model}", {})
        named = [f"{rows:,} {emotion}" for emotion, rows in sorted(counts.items(), key=lambda item: -item[1]) if rows]
        if named:
            print(f"  by {model}: {', '.join(named)}")
    known = run.profile.get("known n-grams", {})
    if 2 * sum(known[tenth] for tenth in TENTHS[:5] if tenth in known) > sum(known.values()):
        print("  most texts are in words that the text model does not know: it knows less than half of their n-grams")
    print(f"  with faces: {run.with_faces:,}")
    failed = sum(run.errors.values())
    print(f"  with an error: {failed:,}" + (", kept with its reason:" if failed else ""))
    for reason, rows in commonest(run.errors):
        print(f"    {rows:>8,}  {reason}")
    added = f", which has {summary.rows:,} rows now" if len(summary.runs) > 1 else ""
    print(f"  written to {uri}{added}", flush=True)
    if faces:
        print(f"  faces written to {faces}", flush=True)


def _find_done(job: BatchJob) -> tuple[Totals, list[Shard]]:
    """The counts of the shards that are done, and the shards to do: those that lack a part of either output."""
    every = _shards(job)
    faceless = {shard.name for shard in job.faces.find_done(every)[1]} if job.faces else ()
    return job.output.find_done(every, faceless)


def _shards(job: BatchJob) -> list[Shard]:
    together = "video" if job.films and "video" in job.dataset.schema.names else None
    return shards.cut(job.dataset, job.shard_rows, job.output.first_file, together)


def _finish_faces(job: BatchJob, faces: Run) -> None:
    totals, lost = faces.find_done(_shards(job))
    if lost:
        raise JobError(f"{faces.uri}: lost {lost[0].name} while the job ran; rerun the same command to make it again")
    faces.finish(totals)


def _written(job: BatchJob, todo: list[Shard]) -> Iterator[tuple[str, Tally]]:
    """Run the plan over the shards; the node and the counts of each as it is written."""
    if todo:
        for row in plan(job, todo).iter_rows():
            yield row["node"], Tally.from_json(row["tally"])


def _check_errors(job: BatchJob, reasons: Counter[str]) -> None:
    """Raise JobError where more rows have failed than the user allows. What is written stays and is valid."""
    if job.max_errors is not None and reasons.total() > job.max_errors:
        written = "the parts that _summary.json does not list" if job.output.before else "the output"
        common = ", ".join(f"{rows:,} {reason}" for reason, rows in commonest(reasons, 3))
        raise JobError(
            f"stopped: {reasons.total():,} of {job.dataset.rows:,} rows failed so far ({common}), and "
            f"--max-errors allows {job.max_errors:,}; fix the cause and delete {written}, or allow more"
        )
