"""From several faces of several people to one emotion: which rule is best where one person acts and others listen?

Made for it of labelled faces, so its figures are of *synthetic* utterances: the person who speaks shows faces of the
utterance's emotion; up to three others listen, mostly neutral; the camera favours the speaker with better faces, but
not always. Faces of train stay aside, because the vision model learnt from them: rules are chosen on dev, and test is
shown beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from emotionscope import cli, metrics
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.vision import labelled_faces
from emotionscope.vision import model as vision_model

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

MOST_FACES = 4  # of a person; both the speaker's and a listener's are 1 to this many
LISTENERS = (0.25, 0.35, 0.25, 0.15)  # chances of none, one, two and three
LISTENER_NEUTRAL = 0.6  # chance; else a listener shows any emotion, as often as the faces do
FAVOUR, SPREAD = 0.5, 0.6  # mean and deviation of log quality: a speaker's face is better by the first


def _by_person(power: float, certainty: float = 0.0) -> Rule:
    """Weights: a person's prominence to `power`, a face's quality within it, and its certainty to `certainty`."""

    def rule(faces: np.ndarray, quality: np.ndarray, person: np.ndarray) -> np.ndarray:
        _, who = np.unique(person, return_inverse=True)
        prominence = np.bincount(who, weights=quality)[who]
        return _mean(faces, quality * prominence ** (power - 1) * _certainty(faces) ** certainty)

    return rule


def _certainty(faces: np.ndarray) -> np.ndarray:
    """1 for a face that is sure of one emotion, 0 for one that finds all alike: 1 - entropy / log 7."""
    entropy = -(faces * np.log(np.maximum(faces, 1e-12))).sum(axis=1)
    return np.maximum(1 - entropy / np.log(faces.shape[1]), 1e-6)


def _mean(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum() @ faces)


def _product(faces: np.ndarray, *_: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(faces, 1e-4)).mean(axis=0)
    return np.asarray(np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum())


RULES: dict[str, Rule] = {
    "vision.pool (in use)": vision_model.pool,
    "every face alike": lambda faces, *_: np.asarray(faces.mean(axis=0)),
    "every person alike": _by_person(0.0),
    "by quality": _by_person(1.0),
    "by prominence, power 3": _by_person(3.0),
    "by certainty": lambda faces, *_: _mean(faces, _certainty(faces)),
    "by quality and certainty": _by_person(1.0, 1.0),
    "by prominence and certainty": _by_person(2.0, 1.0),
    "by prominence and certainty squared": _by_person(2.0, 2.0),
    "the best face alone": lambda faces, quality, _: np.asarray(faces[quality.argmax()]),
    "the surest face alone": lambda faces, *_: np.asarray(faces[faces.max(axis=1).argmax()]),
    "product of all": _product,
}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Settings of the measure."""

    faces: str
    """Labelled face images in Parquet with the splits dev (or validation) and test."""
    bundle: str
    """Bundle with a vision model that was trained on the split train of these faces."""
    utterances: int = 4000
    """Utterances made of each split."""
    seed: int = 0
    """Decides who shows what, and how well."""


def run(settings: Pooling) -> None:
    """Print every rule's weighted F1 on dev and on test, and there on the utterances that show several people."""
    model = bundle_store.load(settings.bundle).vision
    if model is None:
        raise UserError(f"{settings.bundle}: no vision model")
    found = labelled_faces.survey(settings.faces)
    rng = np.random.default_rng(settings.seed)
    columns: dict[str, list[str]] = {name: [] for name in RULES}
    heads = []
    for split in ("dev", "test"):
        batches = [batch for span in found.spans[split] for batch in labelled_faces.read(span, split, model.image_size)]
        seen = model.predict(np.concatenate([batch["face"] for batch in batches]))
        shown = np.concatenate([batch["target"].argmax(axis=1) for batch in batches])
        made = [_utterance(shown, rng) for _ in range(settings.utterances)]
        truth = np.array([emotion for emotion, *_ in made])
        crowd = np.array([len(np.unique(person)) > 1 for *_, person in made])
        groups = {split: np.full(len(made), True)} | ({"test, several people": crowd} if split == "test" else {})
        heads += [f"{name} ({mask.sum():,})" for name, mask in groups.items()]
        for name, rule in RULES.items():
            answers = np.array([rule(seen[faces], quality, person) for _, faces, quality, person in made])
            for mask in groups.values():
                columns[name].append(f"{metrics.headline(truth[mask], answers[mask])['weighted_f1']:.4f}")
    title = "Weighted F1 by rule, synthetic utterances of labelled faces"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("rule", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    for name, cells in columns.items():
        table.add_row(name, *cells, style="bold" if "in use" in name else None)
    Console(highlight=False).print(table)


def _utterance(shown: np.ndarray, rng: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """One made utterance: its emotion, and its faces' positions in `shown`, qualities and persons."""
    spoken = int(shown[rng.integers(len(shown))])
    faces, quality, person = [], [], []
    for who in range(1 + rng.choice(len(LISTENERS), p=LISTENERS)):
        emotion = spoken
        if who:
            neutral = rng.random() < LISTENER_NEUTRAL
            emotion = EMOTIONS.index("neutral") if neutral else int(shown[rng.integers(len(shown))])
        count = rng.integers(1, MOST_FACES + 1)
        faces.append(rng.choice(np.flatnonzero(shown == emotion), count))
        quality.append(np.exp(rng.normal(0 if who else FAVOUR, SPREAD, count)))
        person.append(np.full(count, who))
    return spoken, np.concatenate(faces), np.concatenate(quality), np.concatenate(person)


if __name__ == "__main__":
    cli.main(run)
