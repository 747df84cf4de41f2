"""Learn how to combine the text and the vision model.

Learns on the dev split of a keyframes table with labels, and adds the fusion to the bundle that holds the two models.
If no row has both text and a face, the fusion follows the text model, and the job says so.
Without labelled keyframes, set the fusion by --reliability.
"""

from collections import Counter

import numpy as np
import pyarrow as pa

from emotionscope import cli, fusion, labels
from emotionscope.batch import stages
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Bundle, FitFusion
from emotionscope.errors import UserError, first_line
from emotionscope.runs import shards
from emotionscope.tables import datasets

ROWS = 1024  # read and scored at a time


def run(settings: FitFusion) -> str:
    """Run the job and return the bundle's new version."""
    if (settings.keyframes is None) == (settings.reliability is None):
        raise UserError("give either --keyframes, to learn the fusion, or --reliability, to state it")
    bundle_store.check_free(settings.bundle, "fusion", settings.replace)
    if settings.reliability is not None:
        return _state(settings, settings.reliability)
    return _learn(settings, settings.keyframes or "")


def _prior(bundle: str) -> dict[str, float]:
    """How often the emotions occur in what the bundle's vision model answers for. Raises UserError."""
    vision = bundle_store.read_manifest(bundle)["parts"].get("vision")
    if vision is None:
        raise UserError(f"{bundle}: the bundle has no vision model yet; run train_vision first")
    try:
        return fusion.stated(vision["prior"], 0, 0).prior
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{bundle}: its vision model does not say its prior ({first_line(error)})") from error


def _state(settings: FitFusion, reliability: float) -> str:
    """Publish a fusion of the given numbers."""
    known = settings.speaking_reliability
    chosen = fusion.stated(_prior(settings.bundle), reliability, reliability if known is None else known)
    print(f"fit_fusion: stated, not learnt; {_told(chosen)}")
    record = {"settings": {"reliability": chosen.unknown, "speaking_reliability": chosen.speaking}}
    version = bundle_store.publish(settings.bundle, "fusion", chosen.to_bytes(), record, settings.replace)
    print(f"  bundle {settings.bundle} is now version {version}")
    cli.say_next("bundle", Bundle(bundle=settings.bundle))
    return version


def _told(chosen: fusion.Fusion) -> str:
    return f"faces are believed {chosen.speaking:.0%} where they speak and {chosen.unknown:.0%} where it is unknown"


def _learn(settings: FitFusion, keyframes: str) -> str:
    dataset = datasets.open_dataset(keyframes, "keyframes")
    for column in ("emotion", "split"):
        if column not in dataset.schema.names:
            raise UserError(f"{dataset.uri}: the fusion is learnt from labels, and there is no column {column!r}")
    prior = _prior(settings.bundle)
    models = bundle_store.load(settings.bundle)
    from sklearn.metrics import f1_score  # two seconds, for which no mistake need wait

    text, faces, heard, truth, without = _predictions(dataset, settings.split, models)
    both = ~np.isnan(text[:, 0]) & ~np.isnan(faces[:, 0])
    fitted = fusion.fit(text[both], faces[both], truth[both], prior, heard[both])
    print(f"fit_fusion: learnt on {both.sum():,} rows of {settings.split} with text and faces, of {len(truth):,}")
    if without:
        print(f"fit_fusion: rows left out: {', '.join(f'{n:,} with {reason}' for reason, n in without.items())}")
    if not both.any():
        print("fit_fusion: no row has both, so fused follows text, then vision")
    figures = {}
    for name, values in zip(labels.MODELS, (text, faces, fitted.probabilities(text, faces, heard)), strict=True):
        if both.any():
            guess = values[both].argmax(axis=1)
            figures[name] = round(float(f1_score(truth[both], guess, average="weighted", zero_division=0)), 4)
            print(
                f"  {name:<7} weighted F1 {figures[name]:.4f}" + (" (learnt on these rows)" if name == "fused" else "")
            )
    print(f"  {_told(fitted)}")
    record = {
        "data": datasets.fingerprint(dataset),
        "settings": {"split": settings.split, "reliability": fitted.unknown, "speaking_reliability": fitted.speaking},
        "rows": int(both.sum()),
        "rows_speaking": int((heard[both] > 0).sum()),
        "left_out": dict(without),
        "weighted_f1": {settings.split: figures},
    }
    version = bundle_store.publish(settings.bundle, "fusion", fitted.to_bytes(), record, settings.replace)
    print(f"  bundle {settings.bundle} is now version {version}")
    cli.say_next("bundle", Bundle(bundle=settings.bundle))
    return version


def _predictions(
    dataset: datasets.Dataset, split: str, models: bundle_store.Bundle
) -> tuple[fusion.Probabilities, fusion.Probabilities, np.ndarray, np.ndarray, Counter[str]]:
    """What both models say of the labelled rows of a split, and whether the faces speak.

    Also the labels int [n], and why other rows of the split were left out.

    Raises UserError where there is none.
    """
    text, faces, heard = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    truth: list[int] = []
    without: Counter[str] = Counter()
    wanted = labels.canonical_split(split)
    for shard in shards.cut(dataset, ROWS):
        table = shards.read(shard, dataset.schema)
        table = table.filter(pa.array([labels.canonical_split(name) == wanted for name in table["split"].to_pylist()]))
        emotions = [labels.canonical(label) for label in table["emotion"].to_pylist()]
        without.update(labels.left_out(label) for label in table["emotion"].to_pylist() if not labels.canonical(label))
        table = table.filter(pa.array([emotion is not None for emotion in emotions], pa.bool_()))
        if not len(table):
            continue
        for found, more in zip((text, faces, heard), stages.probabilities(table, models), strict=True):
            found.append(more)
        truth += [labels.EMOTIONS.index(emotion) for emotion in emotions if emotion]
    if not truth:
        raise UserError(f"{dataset.uri}: no labelled row of split {split!r}")
    return np.concatenate(text), np.concatenate(faces), np.concatenate(heard), np.array(truth), without
