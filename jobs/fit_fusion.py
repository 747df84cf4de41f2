"""Learn how to combine the text and the vision model.

Learns on the dev split of a keyframes table with labels, and adds the fusion to the bundle that holds the two models.
If no row has both text and a face, the fusion follows the text model, and the job says so.
Without labelled keyframes, --odds states the fusion instead.
"""

from collections import Counter

import numpy as np
import pyarrow as pa

from emotionscope import cli, fusion, labels
from emotionscope.batch import stages
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError, first_line
from emotionscope.io import shards, tables
from jobs.settings import FitFusion

ROWS = 1024  # read and scored at a time


def run(settings: FitFusion) -> str:
    """Run the job and return the bundle's new version."""
    if (settings.keyframes is None) == (settings.odds is None):
        raise UserError("give either --keyframes, to learn the fusion, or --odds, to state it")
    if settings.odds is not None:
        return _state(settings, settings.odds)
    return _learn(settings, settings.keyframes or "")


def _state(settings: FitFusion, odds: float) -> str:
    """Publish a fusion that follows from the odds and from what the vision model learnt from."""
    bundle_store.check_free(settings.bundle, "fusion", settings.replace)
    vision = bundle_store.read_manifest(settings.bundle)["parts"].get("vision")
    if vision is None:
        raise UserError(f"{settings.bundle}: the bundle has no vision model yet; run train_vision first")
    try:
        counts = [vision["dev"]["per_emotion"][emotion]["support"] for emotion in labels.EMOTIONS]
        # A loss that weighs a class by n ** -power is that of a set in which it occurs n ** (1 - power) times.
        prior = np.maximum(counts, 1) ** (1 - float(vision["settings"]["class_power"]))
        chosen = fusion.stated(prior, odds)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"--odds: the fusion cannot be stated ({first_line(error)})") from error
    shares = {
        emotion: round(float(share), 4) for emotion, share in zip(labels.EMOTIONS, prior / prior.sum(), strict=True)
    }
    print(f"fit_fusion: stated, not learnt; odds {odds:g}, weights: text 1, vision {chosen.vision:.3f}")
    record = {"settings": {"odds": odds, "vision_prior": shares}}
    version = bundle_store.publish(settings.bundle, "fusion", chosen.to_bytes(), record, settings.replace)
    print(f"  bundle {settings.bundle} is now version {version}")
    return version


def _learn(settings: FitFusion, keyframes: str) -> str:
    dataset = tables.open_dataset(keyframes, "keyframes")
    for column in ("emotion", "split"):
        if column not in dataset.schema.names:
            raise UserError(f"{dataset.uri}: the fusion is learnt from labels, and there is no column {column!r}")
    bundle_store.check_free(settings.bundle, "fusion", settings.replace)
    models = bundle_store.load(settings.bundle)
    if models.vision is None:
        raise UserError(f"{settings.bundle}: the bundle has no vision model yet; run train_vision first")
    from sklearn.metrics import f1_score  # two seconds, for which no mistake need wait

    text, faces, truth, without = _predictions(dataset, settings.split, models)
    both = ~np.isnan(text[:, 0]) & ~np.isnan(faces[:, 0])
    fitted = fusion.fit(text[both], faces[both], truth[both])
    print(f"fit_fusion: learnt on {both.sum():,} rows of {settings.split} with text and faces, of {len(truth):,}")
    if without:
        print(f"fit_fusion: rows left out: {', '.join(f'{n:,} with {reason}' for reason, n in without.items())}")
    if not both.any():
        print("fit_fusion: no row has both, so fused follows text, then vision")
    figures = {}
    for name, values in zip(labels.MODELS, (text, faces, fitted.probabilities(text, faces)), strict=True):
        if both.any():
            guess = values[both].argmax(axis=1)
            figures[name] = round(float(f1_score(truth[both], guess, average="weighted", zero_division=0)), 4)
            print(
                f"  {name:<7} weighted F1 {figures[name]:.4f}" + (" (learnt on these rows)" if name == "fused" else "")
            )
    print(f"  weights: text {fitted.text:.3f}, vision {fitted.vision:.3f}")
    record = {
        "data": tables.fingerprint(dataset),
        "settings": {"split": settings.split, "penalty": fusion.PENALTY},
        "rows": int(both.sum()),
        "left_out": dict(without),
        "weighted_f1": {settings.split: figures},
    }
    version = bundle_store.publish(settings.bundle, "fusion", fitted.to_bytes(), record, settings.replace)
    print(f"  bundle {settings.bundle} is now version {version}")
    return version


def _predictions(
    dataset: tables.Dataset, split: str, models: bundle_store.Bundle
) -> tuple[fusion.Probabilities, fusion.Probabilities, np.ndarray, Counter[str]]:
    """What both models say of the labelled rows of a split, the labels int [n], and why other rows of it were left out.

    Raises UserError where there is none.
    """

    text, faces, truth = [], [], []
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
        one_text, one_faces = stages.probabilities(table, models)
        text.append(one_text)
        faces.append(one_faces)
        truth += [labels.EMOTIONS.index(emotion) for emotion in emotions if emotion]
    if not truth:
        raise UserError(f"{dataset.uri}: no labelled row of split {split!r}")
    return np.concatenate(text), np.concatenate(faces), np.array(truth), without


if __name__ == "__main__":
    cli.main(run)
