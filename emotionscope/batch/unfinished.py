"""How far the unfinished shards are: workers note it in Ray's key-value store, and the driver looks there.

A shard of a long film takes minutes. Without this, the progress of its job would stand still meanwhile.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import ray
from ray.exceptions import RayError

from emotionscope import ray_private
from emotionscope.errors import RowError
from emotionscope.video.faces import Finder, Found, Utterance
from emotionscope.video.sandbox import IsolatedFaces

HEARD = 0.5  # of the work on an utterance, to measure who speaks
LOOK = 1.0  # seconds from one look of the driver to the next


def told(find: IsolatedFaces, shard: str) -> Finder:
    """The same finder, which notes how many utterances of the shard it has looked at.

    Where who speaks is measured afterwards, each counts in part until `heard` tells of it.
    """
    key, done, most = _prefix() + shard, 0, 0
    share = 1.0 if find.speakers == "never" else 1.0 - HEARD

    def note(more: int) -> None:
        nonlocal most
        most = max(most, done + more)  # a video that is looked at again does not move the progress back
        ray_private.note(key, int(most * share))

    def finder(video: str, root: str, utterances: Sequence[Utterance]) -> list[Found | RowError]:
        nonlocal done
        find.heard = note
        found = find(video, root, utterances)
        done += len(utterances)
        note(0)
        return found

    return finder


def heard(shard: str, rows: int) -> Callable[[float], None]:
    """What notes how much of a shard's utterances, all looked at, is measured."""
    key = _prefix() + shard
    return lambda share: ray_private.note(key, int(rows * (1.0 - HEARD + HEARD * share)))


@contextmanager
def watching(show: Callable[[dict[str, int]], None]) -> Iterator[None]:
    """Call `show` in a thread with the utterances that are looked at by shard, until the block ends."""
    over = threading.Event()

    def watch() -> None:
        with suppress(
            RayError, OSError
        ):  # Ray or the reader of the lines is gone, which the job's own thread meets, too
            while not over.wait(LOOK):
                show(ray_private.notes(_prefix()))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2 * LOOK)
        with suppress(RayError):
            ray_private.forget(_prefix())


def _prefix() -> str:
    """Of one driver's keys: jobs that share a cluster have shards of the same names."""
    return f"progress/{ray.get_runtime_context().get_job_id()}/"
