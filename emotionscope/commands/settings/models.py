"""Settings of the jobs that try, train and keep models."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from emotionscope import cli
from emotionscope.commands.settings.shared import AnswerFlags, BundleFlags, GpuFlags, RayFlags, TrainingFlags

SEVERAL = Parameter(negative="", show_default=False)
SMALLEST = 32  # pixels; below, the vision model's last stage has nothing left to see
Reliability = Annotated[float, Parameter(validator=Number(gte=0, lte=0.99))]
ImageSize = Annotated[int, Parameter(validator=Number(gte=SMALLEST))]


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Demo(RayFlags):
    """Settings of demo."""

    output: cli.Path
    """New folder on this machine for everything the demo makes."""
    replace: cli.Switch = False
    """Delete an earlier demo in the folder first."""
    training: cli.Switch = False
    """Draw a synthetic archive, train all three models on it, and score it with them."""
    dialogues: Annotated[cli.PositiveInt, cli.LEARNING] = 36
    """With --training: number of dialogues to draw. Draw many for a load test."""
    epochs: Annotated[cli.PositiveInt, cli.LEARNING] = 2
    """With --training: number of times the vision training goes over the drawn faces."""
    seed: Annotated[cli.NonNegativeInt, cli.LEARNING] = 0
    """With --training: seed of the drawing and of the training."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Predict(AnswerFlags):
    """Settings of predict."""

    text: Annotated[tuple[str, ...], SEVERAL, Parameter(metavar="TEXT", allow_leading_hyphen=True)] = ()
    """A sentence. Repeat the flag for more."""
    lines: cli.Path | None = None
    """Text file, UTF-8, with a sentence on each line."""
    clip: Annotated[tuple[str, ...], SEVERAL, Parameter(metavar="PATH", alias=("--video", "--image"))] = ()
    """A video, or a JPEG or PNG picture. Repeat the flag for more."""
    save: cli.Path | None = None
    """Draw the answers on the clip, and save it in this file: .mp4 for a video, .jpg or .png for a picture."""
    transcript: cli.Path | None = None
    """With --save: the words of the video, in a format that prepare_videos reads. Default: the file beside it."""
    names: cli.Path | None = None
    """With --save: folder or s3:// prefix of portraits, NAME.jpg or NAME/any.jpg, to name the people by."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class TrainText(TrainingFlags):
    """Settings of train_text."""

    dialogues: Annotated[tuple[str, ...], SEVERAL, Parameter(metavar="PATH")]
    """Dialogues table to learn from: a folder or s3:// prefix. With --encoder, repeat the flag for more."""
    weight: Annotated[tuple[float, ...], SEVERAL, Parameter(validator=Number(gt=0, lte=1000))] = ()
    """How much a row of each further table weighs beside one of the first. Repeat the flag in their order. Default:
    1."""
    encoder: cli.Switch = False
    """Learn to read with the sentence encoder, too. Needs pip install 'emotionscope[encoder]'."""
    replace: cli.Switch = False
    """Replace the bundle's text model, if it has one."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class TrainVision(TrainingFlags, GpuFlags):
    """Settings of train_vision."""

    keyframes: cli.Path
    """Keyframes table, or Parquet of labelled face images: a file, folder or s3:// prefix."""
    replace: cli.Switch = False
    """Replace the bundle's vision model, if it has one."""
    init: Annotated[str, Parameter(metavar="none|imagenet|PATH"), cli.LEARNING] = "none"
    """Weights to start from: none (random), imagenet (torchvision's, downloaded once), or those of a bundle."""
    image_size: Annotated[ImageSize, cli.LEARNING] = 64
    """Faces are scaled to this many pixels on each side."""
    stem: Annotated[Literal["7x7", "3x3"] | None, cli.LEARNING] = None
    """First layer. 7x7 is ResNet's own. 3x3 is four times slower and sees more on faces of 48 pixels. Default: that of
    the weights to start from, or 7x7."""
    mirror: Annotated[cli.Switch, cli.LEARNING] = False
    """Average each face with its mirror image. The model then takes twice the time."""
    half: Annotated[cli.Switch, cli.LEARNING] = False
    """Store weights of 16 bits, in half the space."""
    epochs: Annotated[cli.NonNegativeInt, cli.LEARNING] = 12
    """Number of times the training goes over all faces. 0 keeps the weights of --init, and only sets the prior,
    calibrates and measures."""
    batch_size: Annotated[int, Parameter(validator=Number(gte=2)), cli.LEARNING] = 128
    """Faces in a training step, summed over all workers."""
    learning_rate: Annotated[float, Parameter(validator=Number(gt=0, lt=10)), cli.LEARNING] = 0.001
    """Highest learning rate. The rate rises to it at first and then falls to zero."""
    train_size: Annotated[ImageSize | None, cli.LEARNING] = None
    """Train on random crops of this many pixels, which is faster. Default: on whole faces."""
    prior_power: Annotated[cli.Fraction, cli.LEARNING] = 0.5
    """How much of the emotions' frequencies to divide out of the answers: 0 nothing, 1 all, so that rare emotions are
    answered as readily as frequent ones."""
    augmentation: Annotated[cli.Fraction, cli.LEARNING] = 1.0
    """Strength of the random changes to training faces: 1 for long trainings, 0 (mirroring only) for short ones."""
    weight_decay: Annotated[cli.Fraction, cli.LEARNING] = 0.05
    """How strongly weights are drawn to zero; more suits longer trainings."""
    seed: Annotated[cli.NonNegativeInt, cli.LEARNING] = 0
    """Seed of everything random."""
    workers: Annotated[cli.PositiveInt | None, cli.RUNNING] = None
    """Number of training workers. Default: one for each GPU of the cluster, or one on CPUs."""
    min_workers: Annotated[cli.PositiveInt | None, cli.RUNNING] = None
    """Keep training with as few workers as this while nodes are missing. Default: wait for all --workers."""
    checkpoints: Annotated[cli.Path | None, cli.RUNNING] = None
    """Folder or s3:// prefix for this run's checkpoints, which all nodes must reach. Default: BUNDLE-training, beside
    the bundle. Deleted once the model is in the bundle."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class FitFusion:
    """Settings of fit_fusion."""

    bundle: cli.Path
    """Bundle that holds the text and the vision model: a folder or s3:// prefix."""
    keyframes: cli.Path | None = None
    """Keyframes table to learn from, with the columns emotion and split: a folder or s3:// prefix."""
    reliability: Reliability | None = None
    """Without --keyframes: in what share of the utterances the faces tell the emotion, where it is unknown whose they
    are."""
    speaking_reliability: Reliability | None = None
    """Without --keyframes: the same for faces that are known to speak. Default: --reliability."""
    split: cli.Name = "dev"
    """Split to learn on. Neither model may have been trained on it."""
    replace: cli.Switch = False
    """Replace the bundle's fusion, if it has one."""


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Bundle(BundleFlags):
    """Settings of bundle."""

    against: cli.Path | None = None
    """Show what changed from this bundle or version to --bundle: data, settings and figures."""
    card: cli.Switch = False
    """Show the model card: data, settings, figures and limits."""
    restore: cli.Name | None = None
    """Make this version the newest again."""
