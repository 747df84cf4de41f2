"""Find the faces in videos and keep the best ones.

Reads a dialogues table and writes a keyframes table: the same rows and columns, and for each row its faces as JPEG
images. If a video cannot be read, its row says why in video_error. Rerun the same command to resume a stopped job.
"""

from dataclasses import dataclass
from typing import Any

from emotionscope import cli, ray_session
from emotionscope.batch import pipeline
from emotionscope.errors import UserError
from emotionscope.io import contracts, tables
from emotionscope.io.shards import Output
from emotionscope.video import detection, keyframes


@cli.flags
@dataclass(frozen=True, kw_only=True)
class ExtractKeyframes(cli.BatchFlags):
    """Settings of the job."""

    dialogues: cli.Path
    """Dialogues table to read: a folder or s3:// prefix."""
    output: cli.Path
    """Where to write the keyframes table: a new folder or s3:// prefix."""


def run(settings: ExtractKeyframes) -> dict[str, Any]:
    """Run the job and return its summary."""
    dataset = tables.open_dataset(settings.dialogues, "dialogues")
    contracts.keyframes_schema(dataset.schema)
    if "video" not in dataset.schema.names:
        raise UserError(f"{dataset.uri}: the dataset has no column 'video', so there is nothing to extract")
    videos = keyframes.videos_folder(dataset, settings.videos)
    shard_rows = settings.shard_rows or pipeline.SHARD_ROWS["video"]
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    spec = detection.load_spec(settings.detector, settings.yunet)
    facts = {
        "input": tables.fingerprint(dataset),
        "videos": settings.videos,
        "detector": spec.kind,
        "max_faces": settings.max_faces,
        "shard_rows": shard_rows,
    }
    output = Output(ray_session.output_uri(settings.output), "extract_keyframes", facts)
    with ray_session.connect(settings.verbose) as cluster:
        print(f"extract_keyframes: {dataset.rows:,} utterances, detector {spec.kind}, on {cluster}", flush=True)
        work = pipeline.Work(dataset, output, shard_rows, videos, allowed)
        summary = pipeline.extract_keyframes(work, spec, settings.max_faces)
    cli.print_summary(summary, output.uri)
    return summary


if __name__ == "__main__":
    cli.main(run)
