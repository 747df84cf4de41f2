"""Score several archives on one cluster.

Reads a TOML file: a table [[archive]] for each, with the options of score as keys, such as dialogues and output. Keys
above the first of them hold for all. The archives run one after another, or with --parallel at the same time. An
archive that fails does not stop the others. Rerun the same command to resume.
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionscope import cli, ray_session
from emotionscope.commands.settings import Score, ScoreAll
from emotionscope.errors import JobError, UserError, first_line
from emotionscope.storage.place import Place
from emotionscope.tables import manifest
from emotionscope.tables.manifest import Summary

KEYS = {field.name for field in fields(Score)} - {"verbose"}


@dataclass(frozen=True)
class Archive:
    """One archive: where its scores go, and the command line that scores it."""

    output: str
    flags: tuple[str, ...]


def run(settings: ScoreAll) -> None:
    """Run all and print a summary over all. Raises JobError where one has failed."""
    archives = read(settings.archives)
    with ray_session.connect(settings.verbose) as cluster:
        print(f"score_all: {len(archives):,} archives, {settings.parallel:,} at a time, on {cluster}", flush=True)
        address = _address()
        with ThreadPoolExecutor(settings.parallel) as runners:
            codes = list(runners.map(lambda archive: _score(archive, address), archives))
    _print(archives, codes)
    failed = [archive.output for archive, code in zip(archives, codes, strict=True) if code]
    if failed:
        raise JobError(f"{len(failed):,} of {len(archives):,} archives failed, see above: {', '.join(failed)}")


def read(uri: str) -> list[Archive]:
    """The archives of a list. Raises UserError where it is no such list, or a setting is none of score's."""
    try:
        found = tomllib.loads(Place(uri).read_bytes().decode())
    except OSError as error:
        raise UserError(f"{uri}: cannot be read ({first_line(error)})") from error
    except ValueError as error:  # bad TOML, or not UTF-8
        raise UserError(f"{uri}: not TOML ({first_line(error)})") from error
    tables = found.pop("archive", None)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UserError(f"{uri}: lists no archive; write a table [[archive]] for each")
    archives = [_archive(f"{uri}: archive {number}", found | table) for number, table in enumerate(tables, 1)]
    outputs = [Place(archive.output) for archive in archives]
    twice = sorted({output for output in outputs if outputs.count(output) > 1})
    if twice:
        raise UserError(f"{uri}: two archives have the output {twice[0]}")
    return archives


def _archive(place: str, table: Mapping[str, Any]) -> Archive:
    unknown = sorted(table.keys() - KEYS)
    if unknown:
        raise UserError(f"{place}: score has no setting {', '.join(unknown)}")
    flags = tuple(_flags(table))
    try:
        cli.read(Score, "score", "", [*flags])
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    return Archive(str(table["output"]), flags)


def _flags(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        flag = name.replace("_", "-")
        if value is True:
            yield f"--{flag}"
        elif value is False:
            if name == "use_gpu":
                yield f"--no-{flag}"
        else:
            yield f"--{flag}={value}"


def _address() -> str:
    import ray

    return str(ray.get_runtime_context().gcs_address)


def _score(archive: Archive, address: str) -> int:
    """Score one archive in a process of its own, each of its lines with the output before it; its exit code."""
    environment = {**os.environ, "RAY_ADDRESS": address}
    command = [sys.executable, "-m", "jobs.score", *archive.flags]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(f"[{archive.output}] {line}", end="", flush=True)
    return process.returncode


def _summary(archive: Archive) -> Summary | None:
    """The summary of an archive's scores, where they are finished; what is wrong with it, its job has told."""
    with suppress(UserError):
        return manifest.read(Place(archive.output))
    return None


def _print(archives: list[Archive], codes: list[int]) -> None:
    """A line for each archive, and their sum: rows in its table, those that the last run made, and errors."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_footer=True)
    rows: list[tuple[int, int, int]] = []
    lines = []
    for archive, code in zip(archives, codes, strict=True):
        found = _summary(archive)
        if found:
            rows.append((found.rows, found.last.rows, sum(found.errors.values())))
        counts = [f"{count:,}" for count in rows[-1]] if found else ["–"] * 3
        lines.append((Text(archive.output), *counts, "failed" if code else "finished"))
    totals = [f"{sum(column):,}" for column in zip(*rows, strict=True)] if rows else ["0"] * 3
    for name, total in zip(
        ("output", "rows", "of the last run", "with an error", ""), ("all", *totals, ""), strict=True
    ):
        table.add_column(name, footer=total, justify="left" if name in ("output", "") else "right")
    for line in lines:
        table.add_row(*line)
    Console(highlight=False).print(table)
