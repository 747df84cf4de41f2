"""Score every utterance with the text, vision and fused models of a bundle.

Reads dialogues (and decodes their videos as it goes) or keyframes, and writes a scores table with one row for
every input row. A row that cannot be scored carries its reason in error. Run again after a failure to go on.
"""

from dataclasses import dataclass
from typing import Any, Literal

from emotionscope import cli, ray_session
from emotionscope.batch import gpu_pool, pipeline
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import tables
from emotionscope.io.shards import Output
from emotionscope.video import detection, keyframes


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Score:
    """Settings of the job."""

    bundle: str
    """The models: a bundle's folder or s3:// prefix."""
    output: str
    """Where the scores table goes: a new folder or s3:// prefix."""
    dialogues: str | None = None
    """Dialogues table to score: a folder or s3:// prefix."""
    keyframes: str | None = None
    """Keyframes table to score, instead of dialogues."""
    videos: str | None = None
    """Folder or s3:// prefix of the videos, out of which no row may lead (default: the dataset's folder)."""
    max_faces: int = 8
    """Faces used of an utterance, at most, where videos are decoded."""
    detector: Literal["auto", "yunet", "haar"] = "auto"
    """Face detector, where videos are decoded: yunet, haar, or yunet where its file is found."""
    yunet: str | None = None
    """Path of face_detection_yunet_2023mar.onnx from OpenCV's model zoo."""
    shard_rows: int | None = None
    """Rows of one unit of work and of one output file (default: 256 with video or faces, 8192 without)."""
    max_errors: str | None = None
    """Stop when more rows than this have an error: a number, or a share such as 5% (default: never)."""
    use_gpu: bool | None = None
    """Score on GPUs (default: where the cluster has some)."""
    gpu_share: float = 0.5
    """Share of a GPU that one of its workers takes: with several on a GPU, one copies while another computes."""
    compile: bool = False
    """Compile the vision model on GPUs: a minute for each worker, for archives of millions of faces."""
    verbose: bool = False
    """Show Ray's own messages."""


def run(settings: Score) -> dict[str, Any]:
    """Run the job and return its summary."""
    if (settings.dialogues is None) == (settings.keyframes is None):
        raise UserError("give either --dialogues or --keyframes")
    if settings.max_faces < 1 or (settings.shard_rows is not None and settings.shard_rows < 1):
        raise UserError("--max-faces and --shard-rows must be at least 1")
    if not 0 < settings.gpu_share <= 1:
        raise UserError(f"--gpu-share {settings.gpu_share:g}: a share of a GPU is above 0 and at most 1")
    if settings.dialogues is not None:
        dataset = tables.open_dataset(settings.dialogues, "dialogues")
    else:
        dataset = tables.open_dataset(settings.keyframes or "", "keyframes")
    manifest = bundle_store.read_manifest(settings.bundle)
    tables.scores_schema(dataset.schema)
    decode = settings.dialogues is not None and "video" in dataset.schema.names and "vision" in manifest["parts"]
    videos = keyframes.videos_folder(dataset, settings.videos) if decode else ""
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    spec = detection.load_spec(settings.detector, settings.yunet) if decode else None
    seen = decode or settings.keyframes is not None
    shard_rows = settings.shard_rows or pipeline.SHARD_ROWS["video" if seen else "text"]
    place = ray_session.output_uri(settings.output)
    with ray_session.connect(settings.verbose) as cluster:
        count = cluster.gpus_to_use(settings.use_gpu)
        pipeline.warm_up(seen and not count)
        models = bundle_store.load(settings.bundle, seen)
        facts = {
            "input": tables.fingerprint(dataset),
            "bundle": models.version,
            "videos": settings.videos if decode else None,
            "detector": spec.kind if spec else None,
            "max_faces": settings.max_faces,
            "shard_rows": shard_rows,
        }
        output = Output(place, "score", facts)
        print(f"score: {dataset.rows:,} utterances, bundle {models.version}, on {cluster}", flush=True)
        for part, effect in (("vision", "its columns will be null"), ("fusion", "fused will follow text, then vision")):
            if part not in models.manifest["parts"]:
                print(f"score: the bundle has no {part} model: {effect}", flush=True)
        work = pipeline.Work(dataset, output, shard_rows, videos, allowed)
        on = gpu_pool.Gpus(count, settings.gpu_share, settings.compile) if count else None
        summary = pipeline.score(work, models, on, spec, settings.max_faces)
    cli.print_summary(summary, output.uri)
    return summary


if __name__ == "__main__":
    cli.main(run)
