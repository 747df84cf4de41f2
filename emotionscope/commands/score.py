"""Score every utterance with text, vision and fused models.

Reads a dialogues table, and finds the faces in its videos, or reads a keyframes table, which has the faces. Writes a
scores table with one row for each row it read. If a row cannot be scored, its column error says why. Rerun the same
command to resume a stopped job.
"""

from collections.abc import Container
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from emotionscope import cli, ray_session
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Score, Summarise
from emotionscope.errors import JobError, UserError, visible
from emotionscope.runs import arrivals, shards
from emotionscope.runs.arrivals import Arrivals
from emotionscope.runs.log import RunLog
from emotionscope.runs.run import Run, begin, begin_beside, refuse_finished
from emotionscope.storage.place import JsonObject, Place
from emotionscope.tables import contracts, datasets
from emotionscope.tables.contracts import Kind
from emotionscope.tables.manifest import Summary
from emotionscope.text import prior as priors

SAMPLE, SPAN = 20_000, 500  # texts that shares are learnt from, at most; texts that are read together
MOST_COMPARED = 100_000_000  # rows whose keys are compared, in 800 MB


@dataclass(frozen=True)
class Source:
    """The table to score, by its kind."""

    uri: str
    kind: Kind


def run(settings: Score) -> Summary:
    """Run the job and return its summary."""
    if (settings.dialogues is None) == (settings.keyframes is None):
        raise UserError("give either --dialogues or --keyframes")
    if settings.keyframes is not None:
        source = Source(settings.keyframes, "keyframes")
    else:
        source = Source(settings.dialogues or "", "dialogues")
    output = ray_session.output_place(settings.output)
    if not settings.append:
        return _score(settings, output, source, datasets.open_dataset(source.uri, source.kind), None)
    while True:  # what a stopped run has left, and then what has arrived since
        found = arrivals.find(output, source.uri, source.kind) or arrivals.first(output, source.uri, source.kind)
        if found.before and not found.resumed:
            _log_arrivals(output, found)
        if found.dataset:
            summary = _score(settings, output, source, found.dataset, found)
        elif found.before:
            summary = found.before
            print(f"score: nothing new in {source.uri}: its {len(summary.inputs):,} files are scored", flush=True)
        if not found.resumed:
            _fail_unreadable(found)
            return summary


def _score(
    settings: Score, place: Place, source: Source, dataset: datasets.Dataset, adding: Arrivals | None
) -> Summary:
    """Score a dataset into a new output, or as what has arrived since one was finished."""
    allowed = cli.allowed_errors(settings.max_errors, dataset.rows)
    if source.kind == "dialogues":
        contracts.scores_schema(contracts.keyframes_schema(dataset.schema))
    else:
        contracts.scores_schema(dataset.schema)
    is_first = not adding or not adding.before
    if is_first:
        refuse_finished(place, "score")
    bundle = bundle_store.chosen(settings.bundle)
    manifest = bundle_store.read_manifest(bundle)
    prior = _prior(settings, manifest, dataset, adding.before if adding else None)
    # Ray and what finds faces, for which no mistake in the settings need wait.
    from emotionscope.batch import model_loading, pipeline, runner, shard_sizes
    from emotionscope.batch.gpu_pool import Gpus
    from emotionscope.video.files import videos_folder

    with_faces = "vision" in manifest["parts"] and not settings.text_only
    decode = with_faces and settings.dialogues is not None and "video" in dataset.schema.names
    videos = videos_folder(dataset, settings.videos) if decode else ""
    looking = settings.looking
    seen = decode or (with_faces and settings.keyframes is not None)
    kind = shard_sizes.kind_of_videos(dataset.schema) if decode else "keyframes" if seen else "texts"
    shard_rows = settings.shard_rows or shard_sizes.rows_per_shard(kind, dataset.rows)
    faces_place = _faces_place(settings.faces, place, seen) if settings.faces else None
    _print_input(dataset, is_first)
    facts = {
        "bundle": manifest["version"],
        "videos": settings.videos if decode else None,
        **asdict(looking),
        "shard_rows": settings.shard_rows,
        "text_only": settings.text_only,
        "encoder": settings.encoder or None,
        "prior": prior,
        "faces": faces_place,
    }
    output, faces = _begin(place, faces_place, facts, dataset, adding)
    with ray_session.connect(settings.verbose) as cluster:
        count = cluster.gpus_to_use(settings.use_gpu)
        with cli.working("loading the models"):
            models = model_loading.load(bundle, seen, bool(count), settings.encoder, prior and prior["shares"])
        if models.version != manifest["version"]:
            raise JobError(f"{bundle}: another version was published meanwhile; delete {place}, and start again")
        print(f"score: {bundle_store.describe(bundle, models.version)}, on {cluster}", flush=True)
        _print_missing_models(manifest["parts"], settings.text_only)
        if decode:
            print(f"score: {looking.describe()}", flush=True)
        extraction = pipeline.Extraction(looking, videos) if decode else None
        gpus = Gpus(count, settings.gpu_share, settings.compile) if count else None
        more = allowed, faces, settings.embeddings
        summary = runner.run(pipeline.scoring_job(dataset, output, shard_rows, models, extraction, gpus, *more))
    made = faces.uri if faces else None
    runner.print_summary(summary, output.uri, made)
    cli.say_next("summarise", Summarise(scores=output.uri, faces=made, output="summaries"))
    return summary


def _prior(
    settings: Score, manifest: JsonObject, dataset: datasets.Dataset, before: Summary | None
) -> JsonObject | None:
    """The shares of the emotions that the answers are for, and where they are from; None where it is not set.

    Those of an archive are learnt once: what is added to its scores is answered for the same shares.
    """
    if settings.prior is None:
        return None
    training = priors.of_training(manifest["parts"].get("text", {}), settings.encoder)
    if settings.prior == "archive":
        there = before.settings.get("prior") if before else None
        shares = there["shares"] if there and there["from"] == "archive" else _learnt(settings, dataset, training)
        source = "archive"
    else:
        shares, source = priors.read(settings.prior), "uniform" if settings.prior == "uniform" else "table"
    told = ", ".join(f"{share:.1%} {emotion}" for emotion, share in shares.items())
    print(f"score: the text answers for these shares, from {source}: {told}", flush=True)
    return {"from": source, "shares": shares}


def _learnt(settings: Score, dataset: datasets.Dataset, training: priors.Shares) -> priors.Shares:
    """The shares of the emotions in an archive, from at most `SAMPLE` of its texts, spread over it."""
    bundle = bundle_store.load(bundle_store.chosen(settings.bundle), faces=False, encoder=settings.encoder)
    spans = shards.cut(dataset, SPAN)
    chosen = np.unique(np.linspace(0, len(spans) - 1, SAMPLE // SPAN).astype(int)).tolist() if spans else []
    schema = pa.schema([dataset.schema.field("utterance")])
    with cli.working("reading texts for the shares of the emotions"):
        texts = [text for n in chosen for text in shards.read(spans[n], schema)["utterance"].to_pylist()]
        return priors.learnt(bundle.text.probabilities(texts), training)


def _log_arrivals(output: Place, found: Arrivals) -> None:
    """Tell, on the screen and in the log, which files cannot be read or are no longer there."""
    with RunLog(output) as log:
        for name, reason in found.unreadable.items():
            print(f"score: cannot be read, and is left for the next run: {visible(reason)}", flush=True)
            log.write("unreadable", file=name, reason=reason)
        if found.vanished:
            gone = found.vanished
            print(f"score: {len(gone):,} files are no longer there ({gone[0]} …); their rows stay", flush=True)
            log.write("vanished", files=len(gone), first=gone[0])


def _fail_unreadable(found: Arrivals) -> None:
    """Raise JobError where a new file could not be read: the rest is scored, and the next run tries it again."""
    if found.unreadable:
        bad = found.unreadable
        raise JobError(f"{len(bad):,} new files cannot be read; the others are scored: {next(iter(bad.values()))}")


def _print_input(dataset: datasets.Dataset, is_first: bool) -> None:
    new = "" if is_first else f" in {len(dataset.parts):,} new files"
    print(f"score: {dataset.rows:,} utterances{new} of {dataset.uri}", flush=True)
    twins = datasets.equal_keys(dataset) if dataset.rows <= MOST_COMPARED else 0
    if twins:
        print(f"score: {twins:,} rows have the dialogue_id and utterance_id of another row; each is scored", flush=True)


def _print_missing_models(parts: Container[str], text_only: bool) -> None:
    if text_only:
        print("score: text alone: the columns of vision will be null, and fused will follow text", flush=True)
        return
    for part, effect in (("vision", "its columns will be null"), ("fusion", "fused will follow text, then vision")):
        if part not in parts:
            print(f"score: the bundle has no {part} model: {effect}", flush=True)


def _begin(
    place: Place, faces_place: Place | None, facts: JsonObject, dataset: datasets.Dataset, adding: Arrivals | None
) -> tuple[Run, Run | None]:
    """The runs that write the scores and the faces."""
    output = begin(place, "score", facts, dataset, adding)
    beside = {**facts, "scores": place}
    return output, begin_beside(faces_place, "score --faces", beside, dataset, output) if faces_place else None


def _faces_place(uri: str, scores: Place, seen: bool) -> Place:
    """Where the faces table goes. Raises UserError where there will be no face, or it overlaps the scores."""
    place = ray_session.output_place(uri)
    if place == scores or place.is_below(scores) or scores.is_below(place):
        raise UserError(f"--faces {uri}: overlaps --output; name a folder of its own")
    if not seen:
        raise UserError("--faces: needs a vision model, and videos or keyframes, without --text-only")
    return place
