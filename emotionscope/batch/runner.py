"""Runs a batch job: resumes what is there, shows progress, logs every shard, and writes the summary last."""

from collections import Counter
from collections.abc import Iterator

from emotionscope.batch.pipeline import BatchJob, plan
from emotionscope.errors import JobError
from emotionscope.io import shards
from emotionscope.io.output import Output
from emotionscope.io.run_log import RunLog
from emotionscope.io.shards import Shard, Tally
from emotionscope.io.summary import Summary
from emotionscope.ray_session import ProgressBar


def run(job: BatchJob) -> Summary:
    """Do the shards that are not there yet, and return the summary written with them.

    Raises JobError where more rows fail than the job allows, UserError where the output holds what is not the job's.
    """
    tallies, todo = _find_done(job)
    rows_resumed = sum(tally.rows for tally in tallies)
    errors = sum((Counter(tally.errors) for tally in tallies), Counter[str]())
    with RunLog(job.output.uri) as log, ProgressBar(job.output.job, job.dataset.rows, rows_resumed) as progress:
        log.write("start", job=job.output.job, rows=job.dataset.rows, rows_there=rows_resumed, shards=len(todo))
        _check_errors(job, errors)
        for node, tally in _written(job, todo):
            tallies.append(tally)
            errors.update(tally.errors)
            progress.advance(tally.rows, sum(tally.errors.values()))
            log.write("shard", node=node, **tally.to_dict(), rows_done=progress.done)
            _check_errors(job, errors)
        if job.faces:
            _finish_faces(job, job.faces)
        summary = job.output.finish(tallies, rows_resumed)
        log.write(
            "finish",
            rows=summary.rows,
            errors=summary.errors,
            seconds=summary.seconds,
            rows_per_second=summary.rows_per_second,
        )
    return summary


def print_summary(summary: Summary, uri: str) -> None:
    """The closing lines of a batch job: counts, failures by reason, time, rate, and where the output is."""
    resumed = f" ({summary.rows_resumed:,} were there already)" if summary.rows_resumed else ""
    rate = f"{summary.rows_per_second:,.1f} rows/s"
    print(f"{summary.job}: {summary.rows:,} rows{resumed} in {summary.seconds:,.1f} s, {rate}")
    print(f"  with faces: {summary.with_faces:,}")
    failed = sum(summary.errors.values())
    print(f"  with an error: {failed:,}" + (", kept with its reason:" if failed else ""))
    for reason, rows in sorted(summary.errors.items(), key=lambda item: -item[1]):
        print(f"    {rows:>8,}  {reason}")
    print(f"  written to {uri}", flush=True)


def _find_done(job: BatchJob) -> tuple[list[Tally], list[Shard]]:
    """The counts of the shards that are done, and the shards to do: those that lack a part of either output."""
    every = shards.cut(job.dataset, job.shard_rows)
    done, todo = job.output.find_done(every, job.error_column)
    if job.faces:
        missing = {shard.name for shard in (*todo, *job.faces.find_done(every, None)[1])}
        done = [tally for tally in done if tally.shard not in missing]
        todo = [shard for shard in every if shard.name in missing]
    return done, todo


def _finish_faces(job: BatchJob, faces: Output) -> None:
    tallies, lost = faces.find_done(shards.cut(job.dataset, job.shard_rows), None)
    if lost:
        raise JobError(f"{faces.uri}: lost {lost[0].name} while the job ran; rerun the same command to make it again")
    faces.finish(tallies)


def _written(job: BatchJob, todo: list[Shard]) -> Iterator[tuple[str, Tally]]:
    """Run the plan over the shards; the node and the counts of each as it is written."""
    if todo:
        for row in plan(job, todo).iter_rows():
            yield row["node"], Tally.from_json(row["tally"])


def _check_errors(job: BatchJob, reasons: Counter[str]) -> None:
    """Raise JobError where more rows have failed than the user allows. What is written stays and is valid."""
    if job.max_errors is not None and reasons.total() > job.max_errors:
        common = ", ".join(f"{rows:,} {reason}" for reason, rows in reasons.most_common(3))
        raise JobError(
            f"stopped: {reasons.total():,} of {job.dataset.rows:,} rows failed so far ({common}), and "
            f"--max-errors allows {job.max_errors:,}; fix the cause and delete the output, or allow more"
        )
