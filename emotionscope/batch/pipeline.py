"""The two Ray Data plans: read a shard, extract its faces, score it, write it. One shard is one block all the way.

Without GPUs every stage is a plain task and Ray fuses them: a shard is one task on one CPU, so no stage can
starve another. With GPUs the network runs in a pool of actors, and the CPUs do all else beside them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.data import DataContext, Dataset

from emotionscope.batch import gpu_pool
from emotionscope.batch.gpu_pool import Gpus
from emotionscope.errors import JobError
from emotionscope.io import shards, storage, tables
from emotionscope.io.contracts import INTERNAL
from emotionscope.io.run_log import RunLog
from emotionscope.io.shards import Output, Shard
from emotionscope.ray_session import Bar
from emotionscope.video import keyframes
from emotionscope.video.detection import DetectorSpec
from emotionscope.video.sandbox import IsolatedFaces

if TYPE_CHECKING:
    from emotionscope.bundle.store import Bundle
    from emotionscope.vision.model import VisionModel

Stage = Callable[[pa.Table], pa.Table]
SHARD_ROWS = {"video": 256, "text": 8192}  # rows a shard: minutes of decoding, or seconds of text
_SHARD = f"{INTERNAL}shard"  # column that carries the shard's name from stage to stage


@dataclass(frozen=True)
class Work:
    """What a plan runs over: a checked dataset in shards of `shard_rows`, and where the results go.

    `videos` is the folder of its videos. More than `max_errors` rows with an error stop the job.
    """

    dataset: tables.Dataset
    output: Output
    shard_rows: int
    videos: str = ""
    max_errors: int | None = None


def warm_up(faces: bool) -> None:
    """Let idle workers load the models' libraries, which takes seconds, while the caller goes on."""
    for _ in range(int(ray.available_resources().get("CPU", 0))):
        _load_libraries.remote(faces)


@ray.remote(num_cpus=1, max_retries=0)
def _load_libraries(faces: bool) -> None:
    from emotionscope.batch import stages  # noqa: F401
    from emotionscope.text import model as text_model  # noqa: F401

    if faces:
        from emotionscope.vision import model as vision_model  # noqa: F401


def extract_keyframes(work: Work, detector: DetectorSpec, max_faces: int) -> dict[str, Any]:
    """Dialogues to keyframes. Returns the summary that is written with them."""
    return _run(work, lambda data: _map(data, _extraction(work, detector, max_faces)))


def score(
    work: Work, bundle: "Bundle", on: Gpus | None, detector: DetectorSpec | None, max_faces: int
) -> dict[str, Any]:
    """Keyframes, or with a `detector` dialogues, to scores, `on` GPUs if given. Returns the summary written with them.

    Raises JobError where torch cannot use the GPUs.
    """
    # Read and checked once here; every worker scores with exactly this version.
    rest = ray.put(replace(bundle, vision=None))
    network = ray.put(bundle.vision) if bundle.vision else None
    if on and network:
        gpu_pool.check(on)

    def stages(data: Dataset) -> Dataset:
        if detector:
            data = _map(data, _extraction(work, detector, max_faces))
        if bundle.vision and network:
            data = _map(data, partial(_read_faces, bundle.vision.image_size))
            data = gpu_pool.see(data, network, on) if on else _map(data, partial(_see, network))
        return _map(data, partial(_fuse, rest))

    return _run(work, stages)


def _extraction(work: Work, detector: DetectorSpec, max_faces: int) -> Stage:
    return partial(_extract, detector, work.videos, max_faces)


_WHOLE: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}  # a batch is a block is a shard


def _run(work: Work, stages: Callable[[Dataset], Dataset]) -> dict[str, Any]:
    done, todo = work.output.split(shards.cut(work.dataset, work.shard_rows))
    tallies = [shards.tally(_read_done(work.output, shard)) for shard in done]
    rows_done = sum(shard.rows for shard in done)
    errors = Counter[str]()
    for one in tallies:
        errors.update(one["errors"])
    with RunLog(work.output.uri) as log, Bar(work.output.job, work.dataset.rows, rows_done) as bar:
        log.write("start", job=work.output.job, rows=work.dataset.rows, rows_there=rows_done, shards=len(todo))
        _check_errors(work, errors)
        for one in _shards(work, todo, stages) if todo else ():
            tallies.append(one)
            errors.update(one["errors"])
            bar.advance(one["rows"], sum(one["errors"].values()))
            log.write("shard", **one, rows_done=bar.done)
            _check_errors(work, errors)
        summary = work.output.finish(tallies, {"rows_resumed": rows_done})
        log.write("finish", **{name: summary[name] for name in ("rows", "errors", "seconds", "rows_per_second")})
    return summary


def _shards(work: Work, todo: list[Shard], stages: Callable[[Dataset], Dataset]) -> Iterator[dict[str, Any]]:
    """Run the plan over the shards; for each that is written, its name, node and tally."""
    DataContext.get_current().target_max_block_size = None  # a shard must not be split on its way
    data: Dataset = ray.data.from_items([asdict(shard) for shard in todo], override_num_blocks=len(todo))
    data = data.map_batches(_reader(work.dataset.schema, storage.environment()), **_WHOLE)
    data = stages(data)
    data = data.map_batches(_writer(work.output.uri), **_WHOLE)
    for row in data.iter_rows():
        yield {**row, "errors": {e["reason"]: e["rows"] for e in row["errors"]}}


def _check_errors(work: Work, reasons: Counter[str]) -> None:
    """Raise JobError where more rows have failed than the user allows. What is written stays and is valid."""
    if work.max_errors is not None and reasons.total() > work.max_errors:
        common = ", ".join(f"{rows:,} {reason}" for reason, rows in reasons.most_common(3))
        raise JobError(
            f"stopped: {reasons.total():,} of {work.dataset.rows:,} rows failed so far ({common}), and "
            f"--max-errors allows {work.max_errors:,}; fix the cause and delete the output, or allow more"
        )


def _map(data: Dataset, stage: Stage) -> Dataset:
    def apply(block: pa.Table) -> pa.Table:
        return stage(block.drop_columns([_SHARD])).append_column(_SHARD, block[_SHARD])

    return data.map_batches(apply, **_WHOLE)


def _reader(schema: pa.Schema, aws: dict[str, str]) -> Stage:
    def read(block: pa.Table) -> pa.Table:
        storage.use_environment(aws)
        shard = Shard(**block.to_pylist()[0])
        table = shards.read(shard, schema)
        return table.append_column(_SHARD, pa.array([shard.name] * len(table)))

    return read


def _writer(uri: str) -> Stage:
    def write(block: pa.Table) -> pa.Table:
        table = block.drop_columns([_SHARD])
        name = block[_SHARD][0].as_py()
        tables.write_part(table, storage.join(uri, name))
        counts = {"shard": name, "node": ray.get_runtime_context().get_node_id(), **shards.tally(table)}
        errors = [{"reason": reason, "rows": rows} for reason, rows in counts["errors"].items()]
        return pa.Table.from_pylist([{**counts, "errors": errors}], schema=_TALLY)

    return write


_ERRORS = pa.list_(pa.struct([("reason", pa.string()), ("rows", pa.int64())]))
_TALLY = pa.schema(
    [
        ("shard", pa.string()),
        ("node", pa.string()),
        ("rows", pa.int64()),
        ("with_faces", pa.int64()),
        ("errors", _ERRORS),
    ]
)


def _read_done(output: Output, shard: Shard) -> pa.Table:
    filesystem, path = storage.filesystem(output.path(shard))
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        names = [name for name in ("faces", "face_count", "error", "video_error") if name in file.schema_arrow.names]
        return file.read(columns=names)


_finder = lru_cache(maxsize=1)(IsolatedFaces)  # one process beside each worker


def _extract(spec: DetectorSpec, root: str, max_faces: int, table: pa.Table) -> pa.Table:
    return keyframes.extract(table, root, _finder(spec, max_faces))


@lru_cache(maxsize=2)
def _held(reference: "ray.ObjectRef[Any]") -> Any:
    return ray.get(reference)


def _read_faces(size: int, table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages  # brings scikit-learn: workers that only find faces start without

    return stages.read_faces(table, size)


def _see(network: "ray.ObjectRef[VisionModel]", table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages

    return stages.see(table, _held(network))


def _fuse(bundle: "ray.ObjectRef[Bundle]", table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages

    return stages.fuse(table, _held(bundle))
