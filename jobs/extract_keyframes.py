"""Find the faces in a dataset's videos and keep the best of each utterance.

Writes a keyframes table: the dialogues' rows and columns, and for each row its faces as JPEG crops.
A video that cannot be read is a row with its reason in video_error. Run again after a failure to go on.
"""

from dataclasses import dataclass
from typing import Any, Literal

from emotionscope import cli, ray_session
from emotionscope.batch import pipeline
from emotionscope.errors import UserError
from emotionscope.io import tables
from emotionscope.io.shards import Output
from emotionscope.video import detection, keyframes


@cli.flags
@dataclass(frozen=True, kw_only=True)
class ExtractKeyframes:
    """Settings of the job."""

    dialogues: str
    """Dialogues table to read: a folder or s3:// prefix."""
    output: str
    """Where the keyframes table goes: a new folder or s3:// prefix."""
    videos: str | None = None
    """Folder or s3:// prefix of the videos, out of which no row may lead (default: the dataset's folder)."""
    max_faces: int = 8
    """Faces kept an utterance, at most."""
    detector: Literal["auto", "yunet", "haar"] = "auto"
    """Face detector: yunet (better and faster; needs its model file), haar, or yunet where its file is found."""
    yunet: str | None = None
    """Path of face_detection_yunet_2023mar.onnx from OpenCV's model zoo."""
    shard_rows: int = pipeline.SHARD_ROWS["video"]
    """Rows of one unit of work and of one output file."""
    max_errors: str | None = None
    """Stop when more rows than this have an error: a number, or a share such as 5% (default: never)."""
    verbose: bool = False
    """Show Ray's own messages."""


def run(settings: ExtractKeyframes) -> dict[str, Any]:
    """Run the job and return its summary."""
    if settings.max_faces < 1 or settings.shard_rows < 1:
        raise UserError("--max-faces and --shard-rows must be at least 1")
    dataset = tables.open_dataset(settings.dialogues, "dialogues")
    if "video" not in dataset.schema.names:
        raise UserError(f"{dataset.uri}: the dataset has no column 'video', so there is nothing to extract")
    videos = keyframes.videos_folder(dataset, settings.videos)
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    spec = detection.load_spec(settings.detector, settings.yunet)
    facts = {
        "input": tables.fingerprint(dataset),
        "videos": settings.videos,
        "detector": spec.kind,
        "max_faces": settings.max_faces,
        "shard_rows": settings.shard_rows,
    }
    output = Output(ray_session.output_uri(settings.output), "extract_keyframes", facts)
    with ray_session.connect(settings.verbose) as cluster:
        print(f"extract_keyframes: {dataset.rows:,} utterances, detector {spec.kind}, on {cluster}", flush=True)
        work = pipeline.Work(dataset, output, settings.shard_rows, videos, allowed)
        summary = pipeline.extract_keyframes(work, spec, settings.max_faces)
    cli.print_summary(summary, output.uri)
    return summary


if __name__ == "__main__":
    cli.main(run)
