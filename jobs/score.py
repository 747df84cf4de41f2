"""Score every utterance with text, vision and fused models.

Reads a dialogues table, and finds the faces in its videos, or reads a keyframes table, which has the faces. Writes a
scores table with one row for each row it read. If a row cannot be scored, its column error says why. Rerun the same
command to resume a stopped job.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from emotionscope import cli, ray_session
from emotionscope.batch import pipeline, runner
from emotionscope.batch.gpu_pool import Gpus
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import contracts, tables, uris
from emotionscope.io.output import Output, open_output
from emotionscope.io.summary import Summary
from emotionscope.video import detection, keyframes


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Score(cli.BundleFlags, cli.BatchFlags, cli.GpuFlags):
    """Settings of the job."""

    output: cli.Path
    """Where to write the scores table: a new folder or s3:// prefix."""
    dialogues: cli.Path | None = None
    """Dialogues table to score: a folder or s3:// prefix."""
    keyframes: cli.Path | None = None
    """Keyframes table to score, instead of --dialogues."""
    faces: cli.Path | None = None
    """Where to write the faces table too, a row for each face: a new folder or s3:// prefix."""
    text_only: cli.Switch = False
    """Score the text alone and open no video. Use this where the videos are out of reach, or not needed."""
    gpu_share: Annotated[float, Parameter(validator=Number(gt=0, lte=1)), cli.RUNNING] = 0.5
    """Share of a GPU for each worker. At 0.5, two workers share a GPU: one copies while the other computes."""
    compile: Annotated[cli.Switch, cli.RUNNING] = False
    """Compile the vision model on GPUs. This takes each worker a minute and pays off with millions of faces."""


def run(settings: Score) -> Summary:
    """Run the job and return its summary."""
    if (settings.dialogues is None) == (settings.keyframes is None):
        raise UserError("give either --dialogues or --keyframes")
    if settings.dialogues is not None:
        dataset = tables.open_dataset(settings.dialogues, "dialogues")
        contracts.scores_schema(contracts.keyframes_schema(dataset.schema))
    else:
        dataset = tables.open_dataset(settings.keyframes or "", "keyframes")
        contracts.scores_schema(dataset.schema)
    bundle = bundle_store.chosen(settings.bundle)
    manifest = bundle_store.read_manifest(bundle)
    with_faces = "vision" in manifest["parts"] and not settings.text_only
    decode = with_faces and settings.dialogues is not None and "video" in dataset.schema.names
    videos = keyframes.videos_folder(dataset, settings.videos) if decode else ""
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    spec = detection.load_spec(settings.detector, settings.yunet) if decode else None
    seen = decode or (with_faces and settings.keyframes is not None)
    shard_rows = settings.shard_rows or pipeline.SHARD_ROWS["video" if decode or settings.keyframes else "text"]
    place = ray_session.output_uri(settings.output)
    faces_place = _faces_place(settings.faces, place, seen) if settings.faces else None
    print(f"score: {dataset.rows:,} utterances of {dataset.uri}", flush=True)
    with ray_session.connect(settings.verbose) as cluster:
        count = cluster.gpus_to_use(settings.use_gpu)
        pipeline.warm_up(seen and not count)
        with cli.working("loading the models"):
            models = bundle_store.load(bundle, seen)
        facts = {
            "bundle": models.version,
            "videos": settings.videos if decode else None,
            "detector": spec.kind if spec else None,
            "max_faces": settings.max_faces,
            "shard_rows": shard_rows,
            "text_only": settings.text_only,
            "faces": faces_place,
        }
        output = open_output(place, "score", facts, dataset)
        faces = _open_faces(faces_place, place, facts, dataset) if faces_place else None
        print(f"score: {bundle_store.describe(bundle, models.version)}, on {cluster}", flush=True)
        _print_missing_models(manifest["parts"], settings.text_only)
        extraction = pipeline.Extraction(spec, videos, settings.max_faces) if spec else None
        gpus = Gpus(count, settings.gpu_share, settings.compile) if count else None
        job = pipeline.scoring_job(dataset, output, shard_rows, models, extraction, gpus, allowed, faces)
        summary = runner.run(job)
    runner.print_summary(summary, output.uri)
    if faces:
        print(f"  faces written to {faces.uri}", flush=True)
    return summary


def _print_missing_models(parts: Container[str], text_only: bool) -> None:
    if text_only:
        print("score: text alone: the columns of vision will be null, and fused will follow text", flush=True)
        return
    for part, effect in (("vision", "its columns will be null"), ("fusion", "fused will follow text, then vision")):
        if part not in parts:
            print(f"score: the bundle has no {part} model: {effect}", flush=True)


def _open_faces(place: str, scores: str, facts: dict[str, Any], dataset: tables.Dataset) -> Output:
    """The faces table's output. Its summary comes before the scores', so a run stopped between finds it finished."""
    return open_output(place, "score --faces", {**facts, "scores": scores}, dataset, reopen=True)


def _faces_place(uri: str, scores: str, seen: bool) -> str:
    """The URI of the faces table. Raises UserError where there will be no face, or it overlaps the scores."""
    place = ray_session.output_uri(uri)
    if place == scores or uris.is_below(place, scores) or uris.is_below(scores, place):
        raise UserError(f"--faces {uri}: overlaps --output; name a folder of its own")
    if not seen:
        raise UserError("--faces: needs a vision model, and videos or keyframes, without --text-only")
    return place


if __name__ == "__main__":
    cli.main(run)
