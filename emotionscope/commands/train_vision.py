"""Train the vision model on labelled faces.

Reads a keyframes table, or any Parquet of face images, trains with Ray Train and adds the model to a bundle. The
columns are image (encoded bytes), split (train, dev, test), and either emotion, or a column of votes for each of the
seven emotions: how many people saw it, or how likely it is.

Some faces are left out: those where as many people saw contempt, unknown or not_a_face, and rows where a column
duplicate is true. The best epoch on dev is kept. Split test, where there is one, is measured once, at the end. Rerun
the same command to resume a stopped training from its last epoch.
"""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from emotionscope import cli, ray_session
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Bundle, TrainVision
from emotionscope.errors import UserError, first_line
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.vision import labelled_faces
from emotionscope.vision.recipe import Recipe, prior_of_answers

if TYPE_CHECKING:
    from emotionscope.vision.model import VisionModel


def run(settings: TrainVision) -> str:
    """Run the job and return the bundle's new version."""
    started = time.monotonic()
    _check(settings)
    target = ray_session.output_place(settings.bundle)
    bundle_store.check_free(target, "vision", settings.replace)
    checkpoints = ray_session.output_place(settings.checkpoints or f"{target}-training")
    faces = labelled_faces.scan(settings.keyframes)
    print(f"train_vision: {labelled_faces.describe(faces)}", flush=True)
    recipe = _recipe(settings, votes=faces.votes)
    import torch  # seconds, for which no mistake in the settings need wait

    from emotionscope.vision import model as vision_model
    from emotionscope.vision import trainer

    prior = prior_of_answers(faces.classes["train"], recipe.prior_power)
    start = _start(settings, prior)
    data = datasets.fingerprint(faces.dataset)
    model_settings = {name: getattr(settings, name) for name in ("image_size", "mirror", "half")}
    chosen = {**asdict(recipe), **model_settings, "init": called(settings.init), "stem": start.stem}
    with ray_session.connect(settings.verbose) as cluster:
        gpus = cluster.gpus_to_use(settings.use_gpu)
        workers = settings.workers or gpus or 1
        if gpus and workers > gpus:
            raise UserError(f"--workers {workers}: each worker needs a GPU, and the cluster has {gpus}")
        if settings.min_workers and settings.min_workers > workers:
            raise UserError(f"--min-workers {settings.min_workers}: more than the {workers} workers")
        trainer.acquire_run_dir(checkpoints, {"settings": chosen, "data": data})
        on = " with a GPU each" if gpus else ""
        print(f"train_vision: {cluster}; training workers: {workers}{on}", flush=True)
        trained = trainer.train(
            faces, start, recipe, workers=workers, min_workers=settings.min_workers, gpu=bool(gpus), run=checkpoints
        )
    unreadable = sum(faces.faces[split] - rows for split, rows in trained.rows.items())
    seconds = round(time.monotonic() - started)
    record = {
        "data": data,
        "licence": settings.licence,
        "settings": {**chosen, "workers": workers, "gpu": bool(gpus)},
        "prior": prior,
        **trained.figures,
        "best_epoch": trained.best_epoch,
        "temperature": trained.temperature,
        "epochs": trained.epochs,
        "left_out": {**faces.left_out, "image unreadable": unreadable},
        "seconds": seconds,
    }
    model = vision_model.VisionModel.from_bytes(trained.model)
    payload = model.to_bytes(torch.float16 if settings.half else torch.float32)
    version = bundle_store.publish(target, "vision", payload, record, settings.replace)
    trainer.delete_run_dir(checkpoints)
    print(f"best epoch {trained.best_epoch} of {len(trained.epochs)}; {unreadable:,} images unreadable")
    for split, figures in trained.figures.items():
        values = "  ".join(f"{name.replace('_', ' ')} {figures[name]:.4f}" for name in _SHOWN)
        print(f"  {split:<5} {figures['n']:,} faces  {values}")
    print(f"published to {target}, version {version}, in {seconds:,} s")
    cli.say_next("bundle", Bundle(bundle=target))
    return version


def called(init: str) -> str:
    """What the bundle records of --init: of a path its last part, and of a bundle its version."""
    base, _ = bundle_store.split_version(init)
    if init in ("none", "imagenet") or base.is_file():
        return base.name
    return f"{base.name}@{bundle_store.read_manifest(init)['version']}"


_SHOWN = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")


def _check(settings: TrainVision) -> None:
    """Raise UserError for settings that do not fit each other."""
    if settings.init == "imagenet" and settings.stem == "3x3":
        raise UserError("--stem 3x3: the weights of --init imagenet have the stem 7x7")
    if not settings.epochs and settings.init in ("none", "imagenet"):
        raise UserError("--epochs 0: there is nothing to keep; name a bundle by --init")
    if settings.train_size and settings.train_size > settings.image_size:
        raise UserError(f"--train-size {settings.train_size}: more than --image-size {settings.image_size}")
    if settings.workers and settings.workers * 2 > settings.batch_size:
        raise UserError(f"--batch-size {settings.batch_size}: too few faces for {settings.workers} workers")


def _recipe(settings: TrainVision, *, votes: bool) -> Recipe:
    """The settings of the learning. Labels that are votes are smooth by themselves."""
    return Recipe(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        label_smoothing=0.0 if votes else Recipe.label_smoothing,
        prior_power=settings.prior_power,
        augmentation=settings.augmentation,
        weight_decay=settings.weight_decay,
        train_size=settings.train_size,
        seed=settings.seed,
    )


def _start(settings: TrainVision, prior: dict[str, float]) -> "VisionModel":
    """The model to train, which answers for the `prior`. Raises UserError where the weights cannot be had."""
    from emotionscope.vision import model as vision_model

    if settings.init == "none":
        model = vision_model.create(settings.image_size, seed=settings.seed, stem=settings.stem or "7x7")
    elif settings.init == "imagenet":
        from torchvision.models import ResNet18_Weights

        try:
            weights = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"--init imagenet: the weights cannot be downloaded ({error}); "
                "use --init none for random weights, or --init BUNDLE for those of a bundle"
            ) from error
        model = vision_model.create(settings.image_size, weights, settings.seed)
    else:
        model, before = _earlier(Place(settings.init))
        if before:
            model.change_prior(before, prior)
        model.image_size = settings.image_size
    if settings.stem and settings.stem != model.stem:
        raise UserError(f"--stem {settings.stem}: the weights of --init {settings.init} have the stem {model.stem}")
    model.mirror = settings.mirror
    return model


def _earlier(uri: Place) -> "tuple[VisionModel, dict[str, float] | None]":
    """The vision model of a bundle, or of a file, and the prior it answers for, where the bundle tells it."""
    from emotionscope.vision.model import VisionModel

    try:
        entry = {} if uri.is_file() else bundle_store.read_manifest(uri)["parts"]["vision"]
        file = uri / entry["file"] if entry else uri
        return VisionModel.from_bytes(file.read_bytes()), entry.get("prior")
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"--init {uri}: no vision model there ({first_line(error)})") from error
