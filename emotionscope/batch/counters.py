"""What a run counts for Prometheus: Ray exports it on each node's metrics port, with ``ray_`` before the names.

The driver counts what is written, so a shard that Ray runs twice counts once. Workers count the seconds they spend.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from ray.util.metrics import Counter, Gauge

from emotionscope.errors import LONGEST, visible
from emotionscope.runs.shards import Tally

Step = Literal["decoding", "detection", "speakers", "network", "text"]
_RUN = ("command", "output")  # Prometheus has a label "job" of its own
REASONS = 20  # of errors that a run counts each by itself: every one is a series that Prometheus keeps
OTHERS = "another reason"


class RunCounters:
    """The counters of one run of a job into an output, of which `done` shards are there and `left` are to do."""

    def __init__(self, job: str, output: str, done: int, left: int) -> None:
        self.tags = {"command": job, "output": output}
        self.done, self.left = done, left
        self.reasons: dict[str, str] = {}  # with its label
        self._utterances = Counter("emotionscope_utterances", "Utterances written.", _RUN)
        self._faces = Counter("emotionscope_faces", "Faces found in the utterances written.", _RUN)
        self._errors = Counter("emotionscope_errors", "Utterances written with an error, by reason.", (*_RUN, "reason"))
        self._shards_done = Gauge("emotionscope_shards_done", "Shards of the run that are written.", _RUN)
        self._shards_left = Gauge("emotionscope_shards_left", "Shards of the run that are still to do.", _RUN)
        self._set_shards()

    def count(self, tally: Tally) -> None:
        """Count one more shard that is written."""
        for counter, number in ((self._utterances, tally.rows), (self._faces, tally.faces)):
            if number:  # Ray refuses to add nothing
                counter.inc(number, self.tags)
        for reason, rows in tally.errors.items():
            self._errors.inc(rows, {**self.tags, "reason": self.label(reason)})
        self.done, self.left = self.done + 1, self.left - 1
        self._set_shards()

    def label(self, reason: str) -> str:
        """What a reason is counted as: itself for the first ones that come, in plain signs."""
        if reason not in self.reasons and len(self.reasons) < REASONS:
            self.reasons[reason] = visible(reason[:LONGEST])
        return self.reasons.get(reason, OTHERS)

    def _set_shards(self) -> None:
        self._shards_done.set(self.done, self.tags)
        self._shards_left.set(self.left, self.tags)


def spent(step: Step, seconds: float) -> None:
    """Count the seconds that this worker has spent on a step."""
    if seconds > 0:
        _seconds().inc(seconds, {"step": step})


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Count the seconds of the block."""
    began = time.perf_counter()
    yield
    spent(step, time.perf_counter() - began)


@lru_cache(maxsize=1)
def _seconds() -> Counter:
    return Counter(
        "emotionscope_seconds",
        "Seconds of workers by step: decoding videos, detection and recognition of faces, who speaks, the network, "
        "text and fusion.",
        ("step",),
    )
