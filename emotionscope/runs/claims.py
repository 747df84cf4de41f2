"""Whose an output is: a file that names the run, made in one step, so that of two that start at once one gets it."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotionscope import __version__
from emotionscope.errors import JobError, UserError
from emotionscope.storage import access, atomic
from emotionscope.storage.access import JsonObject
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import RUN, InputFile

_OWN = ("id", "after", "files")


@dataclass(frozen=True)
class Claim:
    """A run: its id, its facts (job, version, settings, input), the files that it reads, and the run it adds to."""

    id: str
    facts: JsonObject
    files: tuple[InputFile, ...]
    after: str | None

    @property
    def settings(self) -> JsonObject:
        """The facts that the user chose, and the input."""
        return {key: value for key, value in self.facts.items() if key not in ("job", "version")}


def facts(job: str, settings: Mapping[str, Any], dataset: Dataset) -> JsonObject:
    """What two runs must have in common to share an output, as JSON gives it back.

    An input is told from others by its address, and each file's rows, size, footer and time of change.
    """
    files = [(part.uri, part.rows, part.size, part.footer, part.modified) for part in dataset.parts]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    source = {"uri": dataset.uri, "rows": dataset.rows, "files": len(files), "sha256": digest}
    return dict(json.loads(json.dumps({"job": job, "version": __version__, **settings, "input": source})))


def files_of(dataset: Dataset) -> tuple[InputFile, ...]:
    """A dataset's files as a summary lists them."""
    return tuple(
        InputFile(part.uri.removeprefix(dataset.folder).lstrip("/"), part.rows, part.size, part.footer, part.modified)
        for part in dataset.parts
    )


def read(place: str) -> Claim | None:
    """The claim at a URI; None where there is none. Raises UserError where it is damaged."""
    if not access.exists(place):
        return None
    try:
        found = dict(access.read_json(place))
        run_id, after, files = (found.pop(name) for name in _OWN)
        return Claim(str(run_id), found, tuple(InputFile(**each) for each in files), after)
    except FileNotFoundError:  # let go meanwhile
        return None
    except (ValueError, KeyError, TypeError) as error:
        what = "the output" if place.endswith(RUN) else "this file, and rerun the same command"
        raise UserError(f"{place}: damaged, so nothing tells whose output this is; delete {what}") from error


def take(place: str, facts: JsonObject, files: Sequence[InputFile], after: str | None = None) -> Claim:
    """Make a claim, or find it made for the same facts. Raises UserError where a run with other facts has it."""
    claim = Claim(uuid.uuid4().hex, facts, tuple(files), after)
    written = {"id": claim.id, **facts, "after": after, "files": [asdict(file) for file in files]}
    atomic.create_json(place, written)
    found = read(place)
    if found is None:
        raise JobError(f"{place}: another run has just let it go; rerun the same command")
    changed = sorted(key for key in facts.keys() | found.facts.keys() if facts.get(key) != found.facts.get(key))
    if changed:
        uri = place.rpartition("/")[0]
        if after:
            raise UserError(f"{uri}: another run is adding to it; rerun the same command when it has ended")
        raise UserError(
            f"{uri}: half-finished by a run with other settings ({', '.join(changed)} differ); run it as "
            "it was started to resume, or name another --output"
        )
    return found
