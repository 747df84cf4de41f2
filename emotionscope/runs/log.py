"""A structured log of a run, beside its output: one JSON object a line, in files that are only ever added.

Object stores cannot append, so events gather for some seconds and become the next file of the run:
``_log/20260131T120000Z-1f3a-0000.jsonl``, ``…-0001.jsonl``. Together, in order of their names, they are the log.
"""

import json
import time
import traceback
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from emotionscope.storage.place import Place

EVERY = 10.0  # seconds


class RunLog:
    """The log of one run. Every event has ``time`` (UTC, ISO 8601) and ``event``; used as a context.

    Events: ``start``, ``shard`` for each that is done, and at the end ``finish`` or, with the reason, ``stop``. Of new
    files: ``unreadable``, with the reason; of those whose rows are there: ``vanished``.
    """

    def __init__(self, output: str) -> None:
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:4]}"  # two runs may start at once
        self.start = Place(output) / "_log" / stamp
        self.lines: list[str] = []
        self.files = 0
        self.flushed = time.monotonic()

    def write(self, event: str, **facts: Any) -> None:
        """Add an event; facts are JSON-able."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.lines.append(json.dumps({"time": stamp, "event": event, **facts}, ensure_ascii=False))
        if time.monotonic() - self.flushed >= EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered as the next file."""
        if self.lines:
            Place(f"{self.start}-{self.files:04d}.jsonl").write_bytes(("\n".join(self.lines) + "\n").encode())
            self.files += 1
            self.lines = []
        self.flushed = time.monotonic()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if error is None:
            self.flush()
            return
        with suppress(OSError):  # the store may be what failed, and the error that is under way tells it
            told = "".join(traceback.format_exception(error))
            self.write("stop", reason=f"{type(error).__name__}: {' '.join(str(error).split())}", traceback=told)
            self.flush()
