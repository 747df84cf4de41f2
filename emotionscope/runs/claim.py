"""Claims: which run owns an output folder. Of two runs that start at once, one makes ``_run.json`` and owns it."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from emotionscope import __version__
from emotionscope.errors import JobError, UserError
from emotionscope.storage.place import JsonObject, Place
from emotionscope.tables.datasets import Dataset
from emotionscope.tables.manifest import RUN, SourceFile

_OWN = ("id", "after", "files")


@dataclass(frozen=True)
class Claim:
    """A run: its id, its facts (job, version, settings, input), the files that it reads, and the run it adds to.

    `folder` is the output that holds the claim. A claim is always read before the output's manifest, so that one that
    does not follow the manifest's last run is known to be left over.
    """

    folder: Place
    id: str
    facts: JsonObject
    files: tuple[SourceFile, ...]
    after: str | None

    @property
    def settings(self) -> JsonObject:
        """The facts that the user chose, and the input."""
        return {key: value for key, value in self.facts.items() if key not in ("job", "version")}

    def is_held(self) -> bool:
        """Whether the output is still this run's."""
        with suppress(UserError):  # damaged: not any more
            found = read(self.folder)
            return found is not None and found.id == self.id
        return False

    def release(self) -> None:
        """Let the output go, if it is still this run's."""
        if self.is_held():
            with suppress(FileNotFoundError):  # a process that shares the run may have let it go
                (self.folder / RUN).delete()


def facts(job: str, settings: Mapping[str, Any], dataset: Dataset | None = None) -> JsonObject:
    """What two runs must have in common to share an output, as JSON gives it back."""
    source = {"input": fingerprint(dataset)} if dataset else {}
    return dict(json.loads(json.dumps({"job": job, "version": __version__, **settings, **source})))


def fingerprint(dataset: Dataset) -> JsonObject:
    """What tells an input from others: its address, and each file's rows, size, footer and time of change."""
    files = [(part.uri, part.rows, part.size, part.footer, part.modified) for part in dataset.parts]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    return {"uri": dataset.uri, "rows": dataset.rows, "files": len(files), "sha256": digest}


def files_of(dataset: Dataset) -> tuple[SourceFile, ...]:
    """A dataset's files as a manifest lists them."""
    return tuple(
        SourceFile(part.uri.removeprefix(dataset.folder).lstrip("/"), part.rows, part.size, part.footer, part.modified)
        for part in dataset.parts
    )


def read(folder: Place) -> Claim | None:
    """The claim on an output; None where there is none. Raises UserError where it is damaged."""
    place = folder / RUN
    if not place.exists():
        return None
    try:
        found = dict(place.read_json())
        run_id, after, files = (found.pop(name) for name in _OWN)
        return Claim(folder, str(run_id), found, tuple(SourceFile(**each) for each in files), after)
    except FileNotFoundError:  # let go meanwhile
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{place}: damaged: the run that owns this output is unknown; delete this file, and all of the output "
            "where it has no _summary.json, and rerun the same command"
        ) from error


def take(folder: Place, facts: JsonObject, files: Sequence[SourceFile] = (), after: str | None = None) -> Claim:
    """Make a claim, or find it made for the same facts. Raises UserError where a run with other facts has it."""
    written = {"id": uuid.uuid4().hex, **facts, "after": after, "files": [asdict(file) for file in files]}
    (folder / RUN).create_json(written)
    found = read(folder)
    if found is None:
        raise JobError(f"{folder}: another run has just let it go; rerun the same command")
    changed = sorted(key for key in facts.keys() | found.facts.keys() if facts.get(key) != found.facts.get(key))
    if changed and after:
        raise UserError(f"{folder}: another run is adding to it; rerun the same command when it has ended")
    if changed:
        raise UserError(
            f"{folder}: half-finished by a run with other settings ({', '.join(changed)} differ); run it as "
            "it was started to resume, or name another --output"
        )
    return found
