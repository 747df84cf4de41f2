"""The batch jobs, top down: read a shard, extract its faces, predict them, fuse with the text, write.

One shard is one block all the way, and each step below says what it reads and adds. Without GPUs every step is a plain
task and Ray fuses them: a shard is one task on one CPU, so no step can starve another. With GPUs the network runs in a
pool of actors, and the CPUs do all else beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
from ray.data import DataContext, Dataset

from emotionscope.batch import counters, gpu_pool, shard_sizes, unfinished
from emotionscope.batch.gpu_pool import Gpus
from emotionscope.batch.model_loading import Models
from emotionscope.runs import shards
from emotionscope.runs.run import Run
from emotionscope.runs.shards import Shard
from emotionscope.storage import s3
from emotionscope.tables import datasets
from emotionscope.tables.contracts import INTERNAL
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings
from emotionscope.video.sandbox import IsolatedFaces, Spent

if TYPE_CHECKING:
    from emotionscope.bundle.store import Bundle
    from emotionscope.vision.model import VisionModel

Step = Callable[[Dataset], Dataset]
Block = Callable[[pa.Table], pa.Table]
_SHARD = f"{INTERNAL}shard"  # column that carries the shard's name from step to step


@dataclass(frozen=True)
class Extraction:
    """How faces are looked for, and the folder of the videos."""

    settings: FaceSettings
    videos: str


@dataclass(frozen=True)
class BatchJob:
    """What `batch.runner.run` runs: a checked dataset, in shards of `shard_rows`, through `steps` to an output.

    More than `max_errors` failed rows stop the job. One of the steps may write a part of the `faces` output for each
    shard. Where the videos are `films`, a shard has whole ones: who is who is known within a shard.
    """

    dataset: datasets.Dataset
    output: Run
    shard_rows: int
    steps: tuple[Step, ...]
    max_errors: int | None = None
    faces: Run | None = None
    films: bool = False


def keyframes_job(
    dataset: datasets.Dataset,
    output: Run,
    shard_rows: int,
    extraction: Extraction,
    gpus: Gpus | None = None,
    max_errors: int | None = None,
) -> BatchJob:
    """Dialogues to keyframes; who speaks is measured on `gpus`. Raises JobError where torch cannot use them."""
    if gpus:
        gpu_pool.check(gpus)
    films = shard_sizes.kind_of_videos(dataset.schema) == "films"
    steps = _finding_steps(extraction, gpus)
    return BatchJob(dataset, output, shard_rows, steps, max_errors, films=films)


def scoring_job(
    dataset: datasets.Dataset,
    output: Run,
    shard_rows: int,
    models: Models,
    extraction: Extraction | None = None,
    gpus: Gpus | None = None,
    max_errors: int | None = None,
    faces: Run | None = None,
    embeddings: bool = False,
) -> BatchJob:
    """Keyframes, or with an `extraction` dialogues, to scores; the vision model runs on `gpus`, if given.

    With `faces`, which needs a vision model, each face is written there, and with `embeddings` those of the best ones.
    Raises JobError where torch cannot use the GPUs.
    """
    if gpus and models.image_size:
        gpu_pool.check(gpus)
        if extraction and extraction.settings.speakers != "never":
            gpus = gpu_pool.shared_by_two(gpus)
    steps = list(_finding_steps(extraction, gpus)) if extraction else []
    if models.image_size:
        steps.append(partial(read_faces, models.image_size))
        steps.append(partial(predict_faces, models.vision, gpus))
        steps += [partial(write_faces, faces, models.version, embeddings)] if faces else []
    steps.append(partial(fuse, models.others))
    films = extraction is not None and shard_sizes.kind_of_videos(dataset.schema) == "films"
    return BatchJob(dataset, output, shard_rows, tuple(steps), max_errors, faces, films)


def _finding_steps(extraction: Extraction, gpus: Gpus | None) -> tuple[Step, ...]:
    unmeasured = extraction.settings.speakers == "never"  # then the step only drops the empty tracks
    return partial(extract, extraction), partial(measure_speakers, None if unmeasured else gpus)


def plan(job: BatchJob, todo: list[Shard]) -> Dataset:
    """The job's plan over the shards that are to do: read, the steps, write."""
    data = read(job, todo)
    for step in job.steps:
        data = step(data)
    return write(job, data)


def read(job: BatchJob, todo: list[Shard]) -> Dataset:
    """Reads rows of the input's files. Adds the input's columns, and the shard's name."""
    DataContext.get_current().target_max_block_size = None  # a shard must not be split on its way
    data: Dataset = ray.data.from_items([{"shard": shard.to_json()} for shard in todo], override_num_blocks=len(todo))
    return _map_shards(data, _reader(job.dataset.schema, s3.environment()))


def extract(extraction: Extraction, data: Dataset) -> Dataset:
    """Reads ``video``, ``start``, ``end``. Adds ``faces`` (JPEG crops), their tracks and ``video_error``."""
    return _map_shards(data, partial(_extract, extraction))


def measure_speakers(gpus: Gpus | None, data: Dataset) -> Dataset:
    """Reads ``faces`` and their tracks. Adds how surely each face speaks, in place of the tracks."""
    if gpus:
        return gpu_pool.measure_speakers(data, gpus)
    return _map_shards(data, _measure_speakers)


def read_faces(size: int, data: Dataset) -> Dataset:
    """Reads ``faces``. Adds their pixels, grey squares of `size`, and why one cannot be decoded."""
    return _map(data, partial(_read_faces, size))


def predict_faces(network: "ray.ObjectRef[VisionModel]", gpus: Gpus | None, data: Dataset) -> Dataset:
    """Reads the faces' pixels. Adds the utterance's seven probabilities in their place."""
    if gpus:
        return gpu_pool.predict_faces(data, network, gpus)
    return _map(data, partial(_predict_faces, network))


def write_faces(output: Run, version: str, embeddings: bool, data: Dataset) -> Dataset:
    """Reads the faces' probabilities. Writes a shard's faces as one file, before its scores, and changes nothing."""
    return _map_shards(data, _faces_writer(output, version, embeddings))


def fuse(bundle: "ray.ObjectRef[Bundle]", data: Dataset) -> Dataset:
    """Reads ``utterance`` and the faces' probabilities. Adds the columns of a scores table, drops the steps' own."""
    return _map(data, partial(_fuse, bundle))


def write(job: BatchJob, data: Dataset) -> Dataset:
    """Writes a shard's rows as one file of the output. Leaves one row of counts a shard."""
    return _map_shards(data, _writer(job.output))


def _map(data: Dataset, stage: Block) -> Dataset:
    def apply(block: pa.Table) -> pa.Table:
        return stage(block.drop_columns([_SHARD])).append_column(_SHARD, block[_SHARD])

    return _map_shards(data, apply)


def _map_shards(data: Dataset, apply: Block) -> Dataset:
    return data.map_batches(apply, batch_size=None, batch_format="pyarrow")  # a batch is a block is a shard


def _reader(schema: pa.Schema, aws: dict[str, str]) -> Block:
    def read_block(block: pa.Table) -> pa.Table:
        s3.use_environment(aws)
        shard = Shard.from_json(block["shard"][0].as_py())
        table = shards.read(shard, schema)
        return table.append_column(_SHARD, pa.array([shard.name] * len(table)))

    return read_block


def _writer(output: Run) -> Block:
    def write_block(block: pa.Table) -> pa.Table:
        table, name = block.drop_columns([_SHARD]), block[_SHARD][0].as_py()
        output.write(name, table)
        tally = shards.tally(table, name, output.contract)
        node = ray.get_runtime_context().get_node_id()
        return pa.table({"node": [node], "tally": [tally.to_json()]})

    return write_block


def _faces_writer(output: Run, version: str, embeddings: bool) -> Block:
    def write_block(block: pa.Table) -> pa.Table:
        from emotionscope.batch import stages

        output.write(block[_SHARD][0].as_py(), stages.faces_of(block, version, embeddings))
        return block

    return write_block


_face_finder = lru_cache(maxsize=1)(IsolatedFaces)  # one process beside each worker


@lru_cache(maxsize=2)
def _get_cached(reference: "ray.ObjectRef[Any]") -> Any:
    return ray.get(reference)


def _extract(extraction: Extraction, block: pa.Table) -> pa.Table:
    finder = _face_finder(extraction.settings)
    finder.spent = Spent()
    told = unfinished.told(finder, block[_SHARD][0].as_py())
    table = keyframes.extract(block.drop_columns([_SHARD]), extraction.videos, told)
    counters.spent("decoding", finder.spent.decoding)
    counters.spent("detection", finder.spent.detection)
    return table.append_column(_SHARD, block[_SHARD])


def _measure_speakers(block: pa.Table) -> pa.Table:
    from emotionscope.batch import speakers

    with counters.timed("speakers"):
        return speakers.measure(block, tell=unfinished.heard(block[_SHARD][0].as_py(), len(block)))


def _read_faces(size: int, table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages  # brings scikit-learn: workers that only find faces start without

    return stages.read_faces(table, size)


def _predict_faces(network: "ray.ObjectRef[VisionModel]", table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages

    model = _get_cached(network)
    with counters.timed("network"):
        return stages.predict_faces(table, model)


def _fuse(bundle: "ray.ObjectRef[Bundle]", table: pa.Table) -> pa.Table:
    from emotionscope.batch import stages

    models = _get_cached(bundle)
    with counters.timed("text"):
        return stages.fuse(table, models)
