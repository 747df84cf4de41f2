"""The two halves of a text model in one: the n-grams of one data set, and what is said in several.

``log p = (1 - w) log p_ngrams + w log p_said``: both are linear, so the mixture is one linear model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from emotionscope import metrics
from emotionscope.labels import EMOTIONS, indices
from emotionscope.text import characters, meanings
from emotionscope.text.labelled_texts import LabelledTexts
from emotionscope.text.meanings import Said
from emotionscope.text.model import TextModel
from emotionscope.text.reading import read
from emotionscope.text.vectors import WordVectors

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # of what is said, from which cross-validation chooses
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows that are learnt from, rows that are held out


@dataclass(frozen=True)
class More:
    """A data set beside the first, from which only what is said is learnt; `weight` is that of a row."""

    rows: LabelledTexts
    weight: float


class Rows:
    """The rows of split train of all data sets as `meanings.fit` takes them; those of the first set come first.

    Emotions that the first set lacks are left out. A class weighs (inverse frequency) ^ `power`.
    """

    def __init__(self, first: LabelledTexts, more: Sequence[More], labels: Sequence[str], power: float) -> None:
        every = [(first, 1.0), *((one.rows, one.weight) for one in more)]
        texts = [read(text) for rows, _ in every for text in rows.texts["train"]]
        truth = np.concatenate([rows.truth["train"] for rows, _ in every])
        sizes = [len(rows.texts["train"]) for rows, _ in every]
        weights, sets = np.repeat([weight for _, weight in every], sizes), np.repeat(np.arange(len(every)), sizes)
        place = np.full(len(EMOTIONS), -1)
        place[indices(labels)] = np.arange(len(labels))
        kept = np.flatnonzero(place[truth] >= 0)
        self.texts = [texts[row] for row in kept]
        self.truth, self.sets, weights = place[truth[kept]], sets[kept], weights[kept]
        shares = np.bincount(self.truth, weights, len(labels)) / weights.sum() * len(labels)
        self.weights = weights * (1 / shares[self.truth]) ** power

    def fit(self, vectors: WordVectors | None, without: NDArray[np.int64] | None = None) -> Said:
        """What is said, learnt from all rows or all but the first set's rows `without`."""
        kept = np.ones(len(self.texts), bool)
        if without is not None:
            kept[without] = False
        texts = [text for text, keep in zip(self.texts, kept, strict=True) if keep]
        return meanings.fit(texts, self.truth[kept], self.weights[kept], self.sets[kept], vectors)


def mixed(ngrams: NDArray[np.float32], said: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Probabilities float32 [n, k] from two logs of probabilities."""
    return np.asarray(softmax((1 - share) * ngrams + share * said, axis=1), np.float32)


def choose_share(
    rows: Rows, ngrams: NDArray[np.float32], labels: Sequence[str], folds: Sequence[Fold], vectors: WordVectors | None
) -> tuple[float, NDArray[np.float32], dict[str, float]]:
    """The share with the best weighted F1 on the first set, held out; its answers there, and each share's figure.

    `ngrams` float32 [n, 7] are the first half's held-out probabilities of the first set's rows.
    """
    columns = indices(labels)
    truth = np.array(columns)[rows.truth[: len(ngrams)]]
    said = np.zeros((len(ngrams), len(labels)), np.float32)
    for _, held in folds:
        said[held] = rows.fit(vectors, held).log_probabilities([rows.texts[row] for row in held])
    logs = log_softmax(np.log(np.maximum(ngrams[:, columns], 1e-9)), axis=1)
    answers = {share: np.zeros((len(ngrams), len(EMOTIONS)), np.float32) for share in SHARES}
    for share, given in answers.items():
        given[:, columns] = mixed(logs, said, share)
    tried = {share: metrics.headline(truth, given)["weighted_f1"] for share, given in answers.items()}
    share = max(SHARES, key=lambda share: tried[share])
    return share, answers[share], {f"{share:g}": figure for share, figure in tried.items()}


def joined(ngrams: TextModel, said: Said, share: float) -> TextModel:
    """The model of the n-grams with what is said as its last family, in these shares."""
    every = len(said.terms)
    return replace(
        ngrams,
        families=(*ngrams.families[:3], every),
        terms=np.concatenate([ngrams.terms, characters.code_points("".join(said.terms))]),
        sizes=np.concatenate([ngrams.sizes, np.array([len(term) for term in said.terms], np.uint32)]),
        idf=np.concatenate([ngrams.idf, np.ones(every, np.float32)]),
        weights=np.concatenate([np.float32(1 - share) * ngrams.weights, np.float32(share) * said.weights]),
        bias=np.float32(1 - share) * ngrams.bias + np.float32(share) * said.bias,
    )


def cooled(model: TextModel, temperature: float) -> TextModel:
    """The model with its scores divided by a temperature, which is all of temperature scaling."""
    by = np.float32(temperature)
    return replace(model, weights=model.weights / by, bias=model.bias / by)
