"""From several faces of several people to one emotion: which rule is best where one person acts and others listen?

Made for the drawn sample's scenes, whose speaker shows the labelled emotion and whose listeners show others; its
figures are of synthetic data. Rules are compared on the splits train and dev together and on test; the bundle's vision
model must not have learnt from these keyframes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from emotionscope import bundle, cli, grey, labels, metrics, tables
from emotionscope.errors import UserError

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _by_person(power: float) -> Rule:
    """The rule of `grey.face_weights` with another power of a person's prominence."""

    def weights(faces: np.ndarray, quality: np.ndarray, person: np.ndarray) -> np.ndarray:
        _, who = np.unique(person, return_inverse=True)
        prominence = np.bincount(who, weights=quality)[who]
        return _mean(faces, quality * prominence ** (power - 1))

    return weights


def _mean(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum() @ faces)


def _product(faces: np.ndarray, *_: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(faces, 1e-4)).mean(axis=0)
    return np.asarray(np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum())


RULES: dict[str, Rule] = {
    "every face alike": lambda faces, *_: np.asarray(faces.mean(axis=0)),
    "every person alike": _by_person(0.0),
    "by quality": _by_person(1.0),
    "by prominence, power 1.5": _by_person(1.5),
    f"by prominence, power {grey.PERSON_POWER:g} (the rule)": lambda faces, quality, person: _mean(
        faces, grey.face_weights(quality, person)
    ),
    "by prominence, power 3": _by_person(3.0),
    "the best face alone": lambda faces, quality, _: np.asarray(faces[quality.argmax()]),
    "the surest face alone": lambda faces, *_: np.asarray(faces[faces.max(axis=1).argmax()]),
    "product of all": _product,
}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Settings of the measure."""

    keyframes: str
    """Keyframes table with emotion and split, several people an utterance."""
    bundle: str
    """Bundle with a vision model that was trained on other faces."""


def run(settings: Pooling) -> None:
    """Print every rule's figures, on all utterances and on those that show several people."""
    model = bundle.load(settings.bundle).vision
    if model is None:
        raise UserError(f"{settings.bundle}: no vision model")
    table = tables.read(tables.open_dataset(settings.keyframes, "keyframes"), ["faces", "emotion", "split"])
    rows = [row for row in table.to_pylist() if row["faces"] and row["emotion"]]
    truth = np.array(labels.indices(row["emotion"] for row in rows))
    test = np.array([row["split"] == "test" for row in rows])
    crowd = np.array([len({face["person"] for face in row["faces"]}) > 1 for row in rows])
    answers: dict[str, list[np.ndarray]] = {name: [] for name in RULES}
    for row in rows:
        faces = model.probabilities([face["image"] for face in row["faces"]]).astype(np.float64)
        quality, person = (np.array([face[key] for face in row["faces"]]) for key in ("quality", "person"))
        for name, rule in RULES.items():
            answers[name].append(rule(faces, quality, person))
    groups = {"train and dev": ~test, "test": test, "several people": crowd}
    shown = Table(title="Weighted F1 by rule", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    shown.add_column("rule", no_wrap=True)
    for name, group in groups.items():
        shown.add_column(f"{name} ({group.sum():,})", justify="right")
    for name, given in answers.items():
        values = np.array(given)
        cells = [f"{metrics.headline(truth[g], values[g])['weighted_f1']:.4f}" for g in groups.values()]
        shown.add_row(name, *cells, style="bold" if "(the rule)" in name else None)
    Console(highlight=False).print(shown)


if __name__ == "__main__":
    cli.main(run)
