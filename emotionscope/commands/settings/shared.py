"""Flags that several jobs have."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from emotionscope import cli
from emotionscope.batch.shard_sizes import SHARD_ROWS
from emotionscope.video.faces import FASTEST, DetectorName, FaceSettings, SpeakersChoice

_SHARES = "; ".join(
    f"of {source} 1/{count:,} of the archive, {least:,} to {most:,} rows"
    for source, (least, most, count) in SHARD_ROWS.items()
    if least < most
)
_SHARD_ROWS = (
    "Rows in a shard, which is one task and one output file. "
    f"Of films as many more as make each whole. Default: of films {SHARD_ROWS['films'][0]} rows; {_SHARES}."
)


@dataclass(frozen=True, kw_only=True)
class BundleFlags:
    """Flags of the jobs that use a bundle's models."""

    bundle: cli.Path | None = None
    """Bundle that holds the models: a folder or s3:// prefix, or PATH@VERSION for one of its versions. Default: the
    one that comes with EmotionScope."""


@dataclass(frozen=True, kw_only=True)
class AnswerFlags(BundleFlags):
    """Flags of the jobs that answer with a bundle's models."""

    encoder: cli.Switch = False
    """Read texts with the sentence encoder, too: better on talk of all kinds, and milliseconds a text. Needs
    pip install 'emotionscope[encoder]'."""


@dataclass(frozen=True, kw_only=True)
class TrainingFlags:
    """Flags of the jobs that train a model."""

    bundle: cli.Path
    """Bundle to add the model to: a folder or s3:// prefix. Made if there is none."""
    licence: cli.Text | None = None
    """Licence of the training data, for the model card."""


@dataclass(frozen=True, kw_only=True)
class RayFlags:
    """Flags of the jobs that run on Ray."""

    verbose: Annotated[cli.Switch, cli.RUNNING] = False
    """Show Ray's own messages."""


@dataclass(frozen=True, kw_only=True)
class GpuFlags(RayFlags):
    """Flags of the jobs that use GPUs where there are some."""

    use_gpu: Annotated[bool | None, cli.RUNNING] = None
    """Use GPUs. Default: yes where the cluster has some."""


@dataclass(frozen=True, kw_only=True)
class BatchFlags(RayFlags):
    """Flags of the jobs that work through an archive in shards."""

    videos: Annotated[cli.Path | None, cli.VIDEOS] = None
    """Folder or s3:// prefix that holds the videos; no path may lead out of it. Default: the folder of the table."""
    fps: Annotated[float, Parameter(validator=Number(gt=0, lte=FASTEST)), cli.VIDEOS] = FaceSettings.fps
    """Frames a second that are looked at. Every face in them counts."""
    max_faces: Annotated[cli.PositiveInt, cli.VIDEOS] = FaceSettings.max_faces
    """Keep at most this many faces of an utterance, for showing and for training."""
    detector: Annotated[DetectorName, cli.VIDEOS] = FaceSettings.detector
    """Face detector. Both come with EmotionScope; haar finds half of the faces, and frontal ones only."""
    speakers: Annotated[SpeakersChoice, cli.VIDEOS] = FaceSettings.speakers
    """Measure which face speaks: auto, where an utterance has words and its video has sound; always, where there is
    sound; never, which takes half the time."""
    embeddings: Annotated[cli.Switch, cli.VIDEOS] = FaceSettings.embeddings
    """Write 128 numbers for the best faces of each person, which tell people apart across films: what the command
    people reads. This is biometric data; see docs/people.md."""
    shard_rows: Annotated[cli.PositiveInt | None, Parameter(help=_SHARD_ROWS), cli.RUNNING] = None
    max_errors: Annotated[str | None, Parameter(metavar="ROWS|SHARE"), cli.RUNNING] = None
    """Stop when more rows than this have an error: a number such as 100, or a share such as 5%. Default: never stop."""

    @property
    def looking(self) -> FaceSettings:
        """How faces are to be looked for."""
        return FaceSettings(self.detector, self.max_faces, self.fps, self.speakers, self.embeddings)
