"""Find the faces in videos and keep the best ones.

Reads a dialogues table and writes a keyframes table: the same rows and columns, and for each row its faces as JPEG
images. If a video cannot be read, its row says why in video_error. Rerun the same command to resume a stopped job.
"""

from dataclasses import asdict

from emotionscope import cli, ray_session
from emotionscope.commands.settings import ExtractKeyframes, Score
from emotionscope.errors import UserError
from emotionscope.runs.run import begin
from emotionscope.tables import contracts, datasets
from emotionscope.tables.manifest import Summary


def run(settings: ExtractKeyframes) -> Summary:
    """Run the job and return its summary."""
    dataset = datasets.open_dataset(settings.dialogues, "dialogues")
    contracts.keyframes_schema(dataset.schema)
    if "video" not in dataset.schema.names:
        raise UserError(f"{dataset.uri}: the dataset has no column 'video', so there is nothing to extract")
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    from emotionscope.video.files import videos_folder

    videos = videos_folder(dataset, settings.videos)
    looking = settings.looking
    facts = {"videos": settings.videos, **asdict(looking), "shard_rows": settings.shard_rows}
    output = begin(ray_session.output_place(settings.output), "extract_keyframes", facts, dataset)
    from emotionscope.batch import pipeline, runner, shard_sizes  # Ray, for which no mistake in the settings need wait
    from emotionscope.batch.gpu_pool import Gpus

    kind = shard_sizes.kind_of_videos(dataset.schema)
    shard_rows = settings.shard_rows or shard_sizes.rows_per_shard(kind, dataset.rows)
    with ray_session.connect(settings.verbose) as cluster:
        print(f"extract_keyframes: {dataset.rows:,} utterances, on {cluster}", flush=True)
        print(f"extract_keyframes: {looking.describe()}", flush=True)
        extraction = pipeline.Extraction(looking, videos)
        count = cluster.gpus_to_use(settings.use_gpu) if looking.speakers != "never" else 0
        gpus = Gpus(count) if count else None
        summary = runner.run(pipeline.keyframes_job(dataset, output, shard_rows, extraction, gpus, allowed))
    runner.print_summary(summary, output.uri)
    cli.say_next("score", Score(keyframes=output.uri, faces="faces", output="scores"))
    return summary
