"""Train the vision model with Ray Train on labelled faces, and publish it to a bundle.

The faces are those of a keyframes table, or of any Parquet with the columns image (encoded bytes), split (train, dev
or validation, test), and emotion, or one column of votes for each of the seven: how many people saw anger, disgust and
so on, or how likely each is. Faces where as many people saw contempt, unknown or not_a_face are left out, and so are
rows where a column duplicate is true. The epoch that is best on dev is kept; test, where there is one, is measured
once at the end. A stopped run goes on from its last epoch when the same command is given again.
"""

import time
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torchvision.models import ResNet18_Weights

from emotionscope import cli, ray_session
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import storage, tables
from emotionscope.vision import labelled_faces, trainer
from emotionscope.vision import model as vision_model
from emotionscope.vision.train_loop import Recipe


@cli.flags
@dataclass(frozen=True, kw_only=True)
class TrainVision:
    """Settings of the job."""

    keyframes: str
    """Keyframes table, or Parquet of labelled face images: a file, folder or s3:// prefix."""
    bundle: str
    """Bundle to publish to: a folder or s3:// prefix; made where there is none."""
    licence: str | None = None
    """Licence of the training data, for the model card."""
    workers: int | None = None
    """Training workers: by default one on CPUs, and one for each GPU of the cluster on GPUs."""
    min_workers: int | None = None
    """Go on with as few as this while nodes are missing; by default a run waits for all of --workers."""
    use_gpu: bool | None = None
    """Train on GPUs: by default where the cluster has some."""
    epochs: int = 12
    """Passes over the training faces."""
    batch_size: int = 128
    """Faces a step, of all workers together."""
    learning_rate: float = 0.001
    """Peak of the learning rate, which rises at first and then falls to nothing."""
    image_size: int = 64
    """Side that faces are scaled to, in pixels."""
    stem: Literal["7x7", "3x3"] = "7x7"
    """First layer: 7x7 as ImageNet's networks have it, or 3x3, which is four times as slow and finds more on faces of
    48 pixels."""
    train_size: int | None = None
    """Learn from random parts of this many pixels of each face, which takes less time; by default from whole faces."""
    class_power: float = 0.5
    """How much rare emotions count: 0 as often as they occur, 1 all emotions alike."""
    half: bool = False
    """Publish weights of 16 bits: half the space."""
    augmentation: float = 1.0
    """Strength of the random changes to training faces: 1 for long trainings, 0 (mirroring alone) for short ones."""
    init: str = "none"
    """Weights to start from: none (random), imagenet (torchvision's, fetched once), or a bundle's."""
    mirror: bool = False
    """Let the model average each face with its mirror image, at twice the time."""
    seed: int = 0
    """Decides everything random."""
    checkpoints: str | None = None
    """Folder or s3:// prefix of this run's checkpoints, which all nodes must reach; by default BUNDLE-training,
    beside the bundle. Removed once the model is published."""
    replace: bool = False
    """Replace the bundle's vision model, if it has one."""
    verbose: bool = False
    """Show Ray's own messages."""


def run(settings: TrainVision) -> str:
    """Run the job and return the bundle's new version."""
    started = time.monotonic()
    _check(settings)
    target = ray_session.output_uri(settings.bundle)
    bundle_store.check_free(target, "vision", settings.replace)
    checkpoints = ray_session.output_uri(settings.checkpoints or f"{target}-training")
    faces = labelled_faces.survey(settings.keyframes)
    print(f"train_vision: {labelled_faces.describe(faces)}", flush=True)
    recipe = _recipe(settings, votes=faces.votes)
    start = _start(settings)
    data = tables.fingerprint(faces.dataset)
    model_settings = {name: getattr(settings, name) for name in ("image_size", "init", "stem", "mirror", "half")}
    chosen = {**asdict(recipe), **model_settings}
    with ray_session.connect(settings.verbose) as cluster:
        gpus = cluster.gpus_to_use(settings.use_gpu)
        workers = settings.workers or gpus or 1
        if gpus and workers > gpus:
            raise UserError(f"--workers: {workers} need a GPU each, and the cluster has {gpus}")
        if settings.min_workers and settings.min_workers > workers:
            raise UserError(f"--min-workers: {settings.min_workers} are more than the {workers} workers")
        trainer.claim(checkpoints, {"settings": chosen, "data": data})
        on = " with a GPU each" if gpus else ""
        print(f"train_vision: {cluster}; training workers: {workers}{on}", flush=True)
        trained = trainer.train(
            faces, start, recipe, workers=workers, least=settings.min_workers, gpu=bool(gpus), run=checkpoints
        )
    seconds = round(time.monotonic() - started)
    record = {
        "data": data,
        "licence": settings.licence,
        "settings": {**chosen, "workers": workers, "gpu": bool(gpus)},
        **trained.figures,
        "best_epoch": trained.best_epoch,
        "temperature": trained.temperature,
        "epochs": trained.epochs,
        "left_out": {**faces.left_out, "image unreadable": trained.unreadable},
        "seconds": seconds,
    }
    payload = trained.model.to_bytes(torch.float16 if settings.half else torch.float32)
    version = bundle_store.publish(target, "vision", payload, record, settings.replace)
    trainer.discard(checkpoints)
    print(f"best epoch {trained.best_epoch} of {len(trained.epochs)}; {trained.unreadable:,} images unreadable")
    for split, figures in trained.figures.items():
        values = "  ".join(f"{name.replace('_', ' ')} {figures[name]:.4f}" for name in _SHOWN)
        print(f"  {split:<5} {figures['n']:,} faces  {values}")
    print(f"published to {target}, version {version}, in {seconds:,} s")
    return version


_SHOWN = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")


def _check(settings: TrainVision) -> None:
    """Raise UserError for a setting that makes no sense."""
    least = {
        "epochs": 1,
        "batch_size": 2,
        "image_size": vision_model.SMALLEST,
        "workers": 1,
        "min_workers": 1,
        "seed": 0,
    }
    for name, low in least.items():
        value = getattr(settings, name)
        if value is not None and value < low:
            raise UserError(f"--{name.replace('_', '-')}: {value} is too small; the least is {low}")
    if not 0 < settings.learning_rate < 10:
        raise UserError(f"--learning-rate: {settings.learning_rate} is not between 0 and 10")
    for name in ("augmentation", "class_power"):
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise UserError(f"--{name.replace('_', '-')}: {value} is not between 0 and 1")
    if settings.train_size and not vision_model.SMALLEST <= settings.train_size <= settings.image_size:
        raise UserError(f"--train-size: {settings.train_size} is not between {vision_model.SMALLEST} and --image-size")
    if settings.init != "none" and settings.stem != "7x7":
        raise UserError("--stem: only a model that starts from random weights (--init none) can have another")
    if settings.workers and settings.workers * 2 > settings.batch_size:
        raise UserError(f"--batch-size: {settings.batch_size} faces are too few for {settings.workers} workers")


def _recipe(settings: TrainVision, *, votes: bool) -> Recipe:
    """The settings of the learning. Labels that are votes are smooth by themselves."""
    return Recipe(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        label_smoothing=0.0 if votes else Recipe.label_smoothing,
        class_power=settings.class_power,
        augmentation=settings.augmentation,
        train_size=settings.train_size,
        seed=settings.seed,
    )


def _start(settings: TrainVision) -> vision_model.VisionModel:
    """The model to train. Raises UserError where the weights cannot be had."""
    if settings.init == "none":
        model = vision_model.create(settings.image_size, seed=settings.seed, stem=settings.stem)
    elif settings.init == "imagenet":
        try:
            weights = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"--init imagenet: the weights cannot be fetched ({error}); "
                "start from random ones with --init none, or from a trained bundle with --init BUNDLE"
            ) from error
        model = vision_model.create(settings.image_size, weights, settings.seed)
    else:
        model = _earlier(storage.absolute(settings.init))
        model.image_size = settings.image_size
    model.mirror = settings.mirror
    return model


def _earlier(uri: str) -> vision_model.VisionModel:
    storage.check_access(uri)
    try:
        if not storage.is_file(uri):
            uri = storage.join(uri, bundle_store.read_manifest(uri)["parts"]["vision"]["file"])
        return vision_model.VisionModel.from_bytes(storage.read_bytes(uri))
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"--init {uri}: no vision model there ({tables.first_line(error)})") from error


if __name__ == "__main__":
    cli.main(run)
