"""The two halves of a text model: the n-grams of one data set, and a sentence encoder's vectors learnt on several.

``log p = (1 - w) log p_ngrams + w log p_encoder``: both are linear in what they read, so the mixture is, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from emotionscope import metrics
from emotionscope.labels import EMOTIONS, indices
from emotionscope.text.labelled_texts import LabelledTexts
from emotionscope.text.model import Head, TextModel
from emotionscope.text.reading import read

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # of the encoder, from which cross-validation chooses
C = 1.0  # of the logistic regression
UNSEEN = -10.0  # the score of an emotion that a fold lacks
OFFSET = 10.0  # so large that a data set's own bias is hardly penalised
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows that are learnt from, rows that are held out
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class More:
    """A data set beside the first, from which only the encoder's half is learnt; `weight` is that of a row."""

    rows: LabelledTexts
    weight: float


class Rows:
    """The vectors of the rows of split train of all data sets; those of the first set come first.

    Emotions that the first set lacks are left out. A class weighs (inverse frequency) ^ `power`. Each set has its own
    bias, as emotions are not as common in one as in the other.
    """

    def __init__(
        self, first: LabelledTexts, more: Sequence[More], labels: Sequence[str], power: float, encode: Encode
    ) -> None:
        every = [(first, 1.0), *((one.rows, one.weight) for one in more)]
        truth = np.concatenate([rows.truth["train"] for rows, _ in every])
        sizes = [len(rows.texts["train"]) for rows, _ in every]
        weights, sets = np.repeat([weight for _, weight in every], sizes), np.repeat(np.arange(len(every)), sizes)
        place = np.full(len(EMOTIONS), -1)
        place[indices(labels)] = np.arange(len(labels))
        kept = place[truth] >= 0
        texts = [read(text) for rows, _ in every for text in rows.texts["train"]]
        self.vectors = encode([text for text, keep in zip(texts, kept, strict=True) if keep])
        self.truth, weights, self._classes = place[truth[kept]], weights[kept], len(labels)
        self._offsets = OFFSET * np.eye(len(every), dtype=np.float32)[sets[kept], 1:]
        shares = np.bincount(self.truth, weights, len(labels)) / weights.sum() * len(labels)
        self._weights = weights * (1 / shares[self.truth]) ** power

    def fit(self, without: NDArray[np.int64] | None = None) -> Head:
        """The encoder's half alone, learnt from all rows or all but the first set's rows `without`."""
        kept = np.ones(len(self.truth), bool)
        if without is not None:
            kept[without] = False
        rows = np.hstack([self.vectors, self._offsets])[kept]
        classifier = LogisticRegression(C=C, max_iter=1000, tol=1e-4)
        classifier.fit(rows, self.truth[kept], self._weights[kept])
        weights, bias = classifier.coef_.T[: self.vectors.shape[1]], classifier.intercept_
        if len(bias) == 1:  # one score, which counts for the second and against the first
            weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        head = Head(
            0.0, np.zeros((len(weights), self._classes), np.float32), np.full(self._classes, UNSEEN, np.float32)
        )
        head.weights[:, classifier.classes_], head.bias[classifier.classes_] = weights, bias
        return head


def choose_share(
    rows: Rows, ngrams: NDArray[np.float32], labels: Sequence[str], folds: Sequence[Fold]
) -> tuple[float, NDArray[np.float32], dict[str, float]]:
    """The share with the best weighted F1 on the first set, held out; its answers there, and each share's figure.

    `ngrams` float32 [n, 7] are the first half's held-out probabilities of the first set's rows.
    """
    columns = indices(labels)
    truth = np.array(columns)[rows.truth[: len(ngrams)]]
    logs = log_softmax(np.log(np.maximum(ngrams[:, columns], 1e-9)), axis=1)
    encoder = np.zeros_like(logs)
    for _, held in folds:
        head = rows.fit(held)
        encoder[held] = log_softmax(rows.vectors[held] @ head.weights + head.bias, axis=1)
    answers = {share: np.zeros((len(ngrams), len(EMOTIONS)), np.float32) for share in SHARES}
    for share, given in answers.items():
        given[:, columns] = softmax((1 - share) * logs + share * encoder, axis=1)
    tried = {share: metrics.headline(truth, given)["weighted_f1"] for share, given in answers.items()}
    share = max(SHARES, key=lambda share: tried[share])
    return share, answers[share], {f"{share:g}": figure for share, figure in tried.items()}


def joined(model: TextModel, temperature: float, head: Head, share: float, mixed: float) -> TextModel:
    """The model with its encoder's half in this share.

    `temperature` is what the n-grams' scores were divided by, `mixed` what those of the mixture are to be divided by.
    """
    ngrams = (1 - share) * temperature / mixed
    part = np.float32(share / mixed)
    bias = np.float32(ngrams) * model.bias + part * head.bias
    return replace(model, head=Head(ngrams, part * head.weights, bias))


def cooled(model: TextModel, temperature: float) -> TextModel:
    """The model with its scores divided by a temperature, which is all of temperature scaling."""
    by = np.float32(temperature)
    return replace(model, weights=model.weights / by, bias=model.bias / by)
