"""Settings of the jobs that prepare an archive, score it and look at the scores."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import Port
from cyclopts.validators import Number

from emotionscope import cli
from emotionscope.commands.settings.shared import AnswerFlags, BatchFlags, BundleFlags, GpuFlags, RayFlags

Window = Annotated[float, Parameter(validator=Number(gte=0.1, lte=86_400))]  # seconds
Seconds = Annotated[float, Parameter(validator=Number(gte=0.1, lte=1e9))]
Model = Literal["text", "vision", "fused"]
ExportFormat = Literal["srt", "vtt", "eaf", "label-studio", "csv", "html"]


@cli.flags
@dataclass(frozen=True, kw_only=True)
class PrepareMeld:
    """Settings of prepare_meld."""

    meld: cli.Path
    """Folder or s3:// prefix of the release: its CSVs, and the unpacked clips where there are any."""
    output: cli.Path
    """Where to write the dialogues table: a new folder or s3:// prefix."""
    duplicate_clips: Literal["plain", "final"] = "plain"
    """Which clip to use where a test utterance has two: plain is dia…, final is final_videos_testdia…."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class PrepareVideos:
    """Settings of prepare_videos."""

    videos: cli.Path
    """Folder or s3:// prefix of the videos, at any depth."""
    output: cli.Path
    """Where to write the dialogues table: a new folder or s3:// prefix."""
    transcripts: cli.Path | None = None
    """Folder or s3:// prefix of the transcripts, named as the videos are. Default: beside each video."""
    window: Window = 5.0
    """Seconds of each utterance of a video without a transcript."""
    encoding: cli.Name | None = None
    """Encoding of the transcripts that are not in Unicode, such as cp1250. Default: a guess, file by file."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class ExtractKeyframes(BatchFlags, GpuFlags):
    """Settings of extract_keyframes."""

    dialogues: cli.Path
    """Dialogues table to read: a folder or s3:// prefix."""
    output: cli.Path
    """Where to write the keyframes table: a new folder or s3:// prefix."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Score(AnswerFlags, BatchFlags, GpuFlags):
    """Settings of score."""

    output: cli.Path
    """Where to write the scores table: a new folder or s3:// prefix. With --append it may be a finished table."""
    dialogues: cli.Path | None = None
    """Dialogues table to score: a folder or s3:// prefix."""
    keyframes: cli.Path | None = None
    """Keyframes table to score, instead of --dialogues."""
    faces: cli.Path | None = None
    """Where to write the faces table too, a row for each face: a new folder or s3:// prefix."""
    append: cli.Switch = False
    """Add to a finished --output what has arrived since: score only the input's new files, with the same bundle and
    settings. Makes the table where there is none, so a scheduler can give the same command every night."""
    text_only: cli.Switch = False
    """Score the text alone and open no video. Use this where the videos are out of reach, or not needed."""
    prior: Annotated[str | None, Parameter(metavar="uniform|archive|PATH")] = None
    """How common each emotion is in the archive, for the text's answers: uniform; archive, which is learnt from 20,000
    of its texts; or a table of the seven shares, JSON or CSV. Default: as in what the text model learnt from."""
    gpu_share: Annotated[float, Parameter(validator=Number(gt=0, lte=1)), cli.RUNNING] = 0.5
    """Share of a GPU for each worker. At 0.5, two workers share a GPU: one copies while the other computes."""
    compile: Annotated[cli.Switch, cli.RUNNING] = False
    """Compile the vision model on GPUs. This takes each worker a minute and pays off with millions of faces."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class ScoreAll(RayFlags):
    """Settings of score_all."""

    archives: cli.Path
    """TOML file that lists the archives and their settings."""
    parallel: cli.PositiveInt = 1
    """Score this many archives at a time. They share the cluster's CPUs and GPUs."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class People:
    """Settings of people."""

    faces: cli.Path
    """Faces table with embeddings, as score --faces --embeddings writes it: a folder or s3:// prefix."""
    output: cli.Path
    """Where to write who is who: a new folder or s3:// prefix. It holds biometric data."""
    known: cli.Path | None = None
    """Output of an earlier run: the identities that are there keep their numbers, and new films join them."""
    names: cli.Path | None = None
    """Folder or s3:// prefix of portraits, NAME.jpg or NAME/any.jpg, to name people by."""
    scores: cli.Path | None = None
    """Scores table of the same archive, to name people by who is seen speaking while a named speaker speaks."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Summarise:
    """Settings of summarise."""

    scores: cli.Path
    """Scores table to count: a folder or s3:// prefix."""
    output: cli.Path
    """Where to write the summaries: a new folder or s3:// prefix."""
    faces: cli.Path | None = None
    """Faces table of the same scores, for the summaries by person."""
    people: cli.Path | None = None
    """Output of people for these faces, for the summary by identity."""
    model: Model = "fused"
    """The model whose emotions are counted, where there is no summary by person."""
    every: Seconds = 60.0
    """Seconds of a span of time."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Export:
    """Settings of export."""

    scores: cli.Path
    """Scores table to read: a folder or s3:// prefix."""
    output: cli.Path
    """What to write: a file such as film.srt, or a folder for a file of each video. May be an s3:// URI."""
    format: ExportFormat | None = None
    """The files' format: subtitles (srt, vtt), ELAN (eaf), Label Studio's JSON, a table (csv), or a page with curve,
    faces, words and moments (html). Default: that of the suffix of --output."""
    video: cli.Path | None = None
    """Write this video alone, named as in the column video. Default: all of them."""
    faces: cli.Path | None = None
    """Faces table of the same scores, for eaf and html."""
    videos: cli.Path | None = None
    """Folder or s3:// prefix that holds the videos, for the pictures in html; no path may lead out of it."""
    model: Model = "fused"
    """The model whose emotions are told, where a format tells one."""
    replace: cli.Switch = False
    """Replace the files that are there."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Settings of evaluate."""

    scores: cli.Path
    """Scores table to measure: a folder or s3:// prefix."""
    report: cli.Path
    """Where to write metrics.json and report.html: a folder or s3:// prefix."""
    bundle: cli.Path | None = None
    """Bundle that made the scores, so that the report explains the mistakes. Default: the one that comes with
    EmotionScope, where it made them."""
    split: cli.Name | None = None
    """Split to measure. Default: test where there is one, else all rows that have a label."""
    keyframes: cli.Path | None = None
    """Keyframes table that the scores were made from, to show faces beside the mistakes."""
    note: cli.Text | None = None
    """Text of a banner at the top of the report, such as "synthetic data"."""
    against: cli.Path | None = None
    """Another scores table of the same archive, such as of an earlier bundle: the report then compares the two, too."""
    replace: cli.Switch = False
    """Replace the report, if there is one."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Compare:
    """Settings of compare."""

    scores: cli.Path
    """Scores table to compare: a folder or s3:// prefix."""
    against: cli.Path
    """Another scores table of the same archive, such as of an earlier bundle."""
    split: cli.Name | None = None
    """Split to compare. Default: test where there is one, else all rows."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Drift(BundleFlags):
    """Settings of drift."""

    scores: cli.Path
    """Scores table to look at: a folder or s3:// prefix."""
    against: cli.Path | None = None
    """Earlier scores table to compare with. Default: compare the last run of --scores, such as what score --append
    added last, with the runs before it."""
    training: cli.Switch = False
    """Compare with what the text model of --bundle answered on its own data. This shows whether the archive resembles
    the training data."""
    latest: cli.Switch = False
    """With --against or --training: compare only the rows that the last run added to --scores."""
    limit: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """Exit with code 1 where the lower end of an index's interval is above this. 0.1 is some drift, 0.25 is much."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Dashboard(BundleFlags):
    """Settings of dashboard."""

    scores: cli.Path | None = None
    """Scores table to explore: a folder or s3:// prefix."""
    keyframes: cli.Path | None = None
    """Keyframes table that the scores were made from, to show the faces."""
    faces: cli.Path | None = None
    """Faces table of the scores, as score --faces writes it, to show who shows which emotion, and when."""
    people: cli.Path | None = None
    """Output of people for these faces, to show who is who across films by name."""
    videos: cli.Path | None = None
    """Folder or s3:// prefix that holds the videos, to play them; no path may lead out of it."""
    against: cli.Path | None = None
    """Another scores table of the same archive, such as of an earlier bundle, to compare --scores with."""
    summaries: cli.Path | None = None
    """Summaries of the scores, as summarise writes them, to show them on a page of their own."""
    exports: cli.Path = "exports"
    """Folder on this machine for selections that are too large to download. Made when you save the first one."""
    address: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1"
    """Address to listen on. The pages have no password: anyone who reaches another address sees them."""
    port: Port = 8501
    """Port to listen on."""
