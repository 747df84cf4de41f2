"""How far the unfinished shards are: workers note it in Ray's key-value store, and the driver looks there.

A shard of a long film takes minutes. Without this, the progress of its job would stand still meanwhile.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import ray
from ray.exceptions import RayError
from ray.experimental import internal_kv

from emotionscope.errors import RowError
from emotionscope.video.faces import Finder, Found, Utterance
from emotionscope.video.sandbox import IsolatedFaces

LOOK = 1.0  # seconds from one look of the driver to the next
_SPACE = b"emotionscope-progress"


def told(find: IsolatedFaces, shard: str) -> Finder:
    """The same finder, which notes how many utterances of the shard it has looked at."""
    key, done, most = _prefix() + shard.encode(), 0, 0

    def note(more: int) -> None:
        nonlocal most
        most = max(most, done + more)  # a video that is looked at again does not move the progress back
        internal_kv._internal_kv_put(key, str(most).encode(), overwrite=True, namespace=_SPACE)

    def finder(video: str, root: str, utterances: Sequence[Utterance]) -> list[Found | RowError]:
        nonlocal done
        find.heard = note
        found = find(video, root, utterances)
        done += len(utterances)
        note(0)
        return found

    return finder


@contextmanager
def watching(show: Callable[[dict[str, int]], None]) -> Iterator[None]:
    """Call `show` in a thread with the utterances that are looked at by shard, until the block ends."""
    over = threading.Event()

    def watch() -> None:
        with suppress(
            RayError, OSError
        ):  # Ray or the reader of the lines is gone, which the job's own thread meets, too
            while not over.wait(LOOK):
                show(_noted())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2 * LOOK)
        with suppress(RayError):
            internal_kv._internal_kv_del(_prefix(), del_by_prefix=True, namespace=_SPACE)


def _noted() -> dict[str, int]:
    prefix = _prefix()
    keys = internal_kv._internal_kv_list(prefix, namespace=_SPACE)
    values = {key: internal_kv._internal_kv_get(key, namespace=_SPACE) for key in keys}
    return {key.removeprefix(prefix).decode(): int(value) for key, value in values.items() if value is not None}


def _prefix() -> bytes:
    """Of one driver's keys: jobs that share a cluster have shards of the same names."""
    return f"{ray.get_runtime_context().get_job_id()}/".encode()
