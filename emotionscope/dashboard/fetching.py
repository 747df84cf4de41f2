"""Copies a scores table from S3 to this machine, so that queries are quick."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from emotionscope.storage import s3
from emotionscope.storage.place import IO_THREADS, Place
from emotionscope.tables.manifest import RUN, SUMMARY

COPIED = 8 * 2**30  # bytes; a larger table is queried where it lies


def fetch(scores: str, folder: str) -> str:
    """Where to ask a scores table's questions: `folder`, with a copy of one that lies in S3, or where it is.

    Every question reads columns of every file, which would be thousands of requests over the network.
    Raises UserError where the store refuses to answer, and JobError where it is away or ends its answers early.
    """
    place = Place(scores)
    if not place.is_s3:
        return scores
    size = sum(file.size for file in place.list())
    if not 0 < size <= min(COPIED, shutil.disk_usage(folder).free // 2):
        return scores
    try:
        # These before the list, as a run that finishes meanwhile only adds files.
        for file in (place / SUMMARY, place / RUN):
            if file.exists():
                file.copy_to(f"{folder}/{file.name}")
        with ThreadPoolExecutor(IO_THREADS) as threads:
            list(threads.map(lambda file: file.uri.copy_to(f"{folder}/{file.name}"), place.list()))
    except OSError as error:
        raise s3.failure(f"{place}: cannot be read", error) from error
    return folder
