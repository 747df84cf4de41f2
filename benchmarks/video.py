"""Clips to scores, beside what else one could do with the same cores.

Peers: the naive loop and the lean one, in a pool of processes; the lean one as Daft's function; this package's own
stages in a pool, one clip after the other, which has all our work and none of Ray; and two floors: decoding every
frame, and decoding without the frames that no other needs.
"""

import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import daft
import pyarrow as pa
import torch

from benchmarks import loops
from benchmarks.clips import find, like
from benchmarks.rounds import OURS, Contest
from emotionscope.batch import pipeline, stages
from emotionscope.bundle import store as bundle_store
from emotionscope.io import contracts, shards, tables
from emotionscope.video import detection, keyframes

SHARD = 8  # rows; few and many are a whole number of them for each of two cores
FEW, MANY = 16, 48  # clips
BARS = {
    "naive loop": 4.0,
    "decode every frame": 0.9,
    "lean loop, pool": 1.0,
    "lean loop, Daft": 1.0,
    "our stages, pool": 1.0,
}


@contextmanager
def contest(folder: str, lengths: Sequence[int], uri: str, yunet: str | None) -> Iterator[Contest]:
    """The clips below `folder`, as long as `lengths` if given, to scores with the bundle at `uri`; Ray must run."""
    with tempfile.TemporaryDirectory() as made:
        found = find(folder)
        if lengths:
            clips, words = like(lengths, found, made, MANY, SHARD), "cut or repeated to lengths as MELD's"
        else:
            clips, words = [str(path) for path in itertools.islice(itertools.cycle(found), MANY)], "repeated"
        with _contest(clips, f"{MANY} clips ({len(found)} different, {words})", uri, yunet) as contest_:
            yield contest_


@contextmanager
def _contest(clips: list[str], what: str, uri: str, yunet: str | None) -> Iterator[Contest]:
    cores = os.cpu_count() or 1
    models, spec = bundle_store.load(uri), detection.load_spec("auto", yunet)
    daft.set_runner_native()
    in_daft = daft.cls(loops.Lean, use_process=True, max_concurrency=cores)(spec)

    def with_daft(count: int) -> None:
        table = daft.from_pydict({"clip": clips[:count]}).into_batches(1)
        table.with_column("faces", in_daft(table["clip"])).collect()

    with multiprocessing.get_context("spawn").Pool(cores, _start, (uri, spec)) as pool:
        ways = {
            OURS: lambda count: _score(clips[:count], models, spec),
            "naive loop": lambda count: pool.map(loops.naive, clips[:count], chunksize=1),
            "lean loop, pool": lambda count: pool.map(lean, clips[:count], chunksize=1),
            "lean loop, Daft": with_daft,
            "our stages, pool": lambda count: pool.map(own_stages, clips[:count], chunksize=1),
            "decode every frame": lambda count: pool.map(loops.decode_all, clips[:count], chunksize=1),
            "decode, no non-reference frames": lambda count: pool.map(loops.decode_some, clips[:count], chunksize=1),
        }
        what = f"{what}, faces by {spec.kind}, {cores} cores"
        yield Contest("Video to scores", "clip", what, ways, FEW, MANY, BARS)


def _score(clips: list[str], models: bundle_store.Bundle, spec: detection.DetectorSpec) -> None:
    """The plan of jobs.score over the clips."""
    keys = {"dialogue_id": ["d"] * len(clips), "utterance_id": list(range(len(clips)))}
    table = pa.table({**keys, "utterance": ["Hm."] * len(clips), "video": clips})
    with tempfile.TemporaryDirectory() as folder:
        tables.write_part(table, f"{folder}/in/part-0.parquet")
        dataset = tables.open_dataset(f"{folder}/in", "dialogues")
        output = shards.Output(f"{folder}/out", "score", {})
        pipeline.score(pipeline.Work(dataset, output, SHARD, "/"), models, None, spec, 8)


_models: bundle_store.Bundle
_detector: detection.Detector
_lean: loops.Lean


def _start(uri: str, spec: detection.DetectorSpec) -> None:
    global _models, _detector, _lean
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _models, _detector, _lean = bundle_store.load(uri), detection.Detector(spec), loops.Lean(spec)


def lean(clip: str) -> int:
    """The lean loop, in a process that `_start` has prepared."""
    return _lean(clip)


def own_stages(clip: str) -> int:
    """This package's own stages on one clip, without Ray and without batches across clips."""
    found = keyframes.faces_in(clip, "/", None, None, _detector, 8)
    rows = pa.table({"utterance": ["Hm."], "faces": pa.array([found], contracts.FACES)})
    stages.probabilities(rows, _models)
    return len(found)
