"""Texts to scores, beside scikit-learn alone: the same fitted pipeline in as many processes as there are cores."""

import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from benchmarks.rounds import OURS, Contest
from emotionscope.batch import pipeline
from emotionscope.bundle import store as bundle_store
from emotionscope.io import shards, tables

CHUNK = 8192  # texts that a process takes at a time
FEW, MANY = 2 * CHUNK, 14 * CHUNK
PEER = "scikit-learn, a process a core"


@contextmanager
def contest(texts: Sequence[str], uri: str) -> Iterator[Contest]:
    """Texts, repeated, to scores with the bundle at `uri`; Ray must run."""
    models = bundle_store.load(uri)
    cores = os.cpu_count() or 1
    spoken = list(itertools.islice(itertools.cycle(texts), MANY))
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(cores, _start, (uri,)) as pool,
    ):
        for count in (FEW, MANY):
            numbers = range(count)
            keys = {"dialogue_id": [str(n // 10) for n in numbers], "utterance_id": [n % 10 for n in numbers]}
            tables.write_part(pa.table({**keys, "utterance": spoken[:count]}), f"{folder}/{count}/part-0.parquet")

        def ours(count: int) -> None:
            dataset = tables.open_dataset(f"{folder}/{count}", "dialogues")
            with tempfile.TemporaryDirectory() as sink:
                output = shards.Output(f"{sink}/out", "score", {})
                pipeline.score(pipeline.Work(dataset, output, CHUNK), models, None, None, 1)

        def theirs(count: int) -> None:
            pool.map(predict, [spoken[start : min(start + CHUNK, count)] for start in range(0, count, CHUNK)], 1)

        what = f"{MANY:,} texts ({len(set(texts)):,} different, repeated), {cores} cores, from and to Parquet for ours"
        yield Contest("Text to scores", "text", what, {OURS: ours, PEER: theirs}, FEW, MANY, {PEER: 0.8})


_models: bundle_store.Bundle


def _start(uri: str) -> None:
    global _models
    _models = bundle_store.load(uri)


def predict(texts: list[str]) -> int:
    """scikit-learn's part alone."""
    return len(_models.text.pipeline.predict_proba(texts))
