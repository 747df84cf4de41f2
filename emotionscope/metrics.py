"""Figures of a classifier over the seven emotions, from true labels and probabilities.

Everywhere ``truth`` is int [n], positions in `labels.EMOTIONS`, and ``probabilities`` is float [n, 7].
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn import metrics

from emotionscope.labels import EMOTIONS

CALIBRATION_BINS = 15
RESAMPLES = 2000


def headline(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The few figures a model is known by.

    Weighted F1 weighs each class by its rows in `truth`; macro F1 is the plain mean over the classes that occur in
    `truth`. Raises ValueError for no rows.
    """
    if not len(truth):
        raise ValueError("no rows to measure")
    predicted = probabilities.argmax(axis=1)
    present = np.unique(truth)
    return {
        "n": len(truth),
        "weighted_f1": float(metrics.f1_score(truth, predicted, average="weighted", zero_division=0)),
        "macro_f1": float(metrics.f1_score(truth, predicted, average="macro", labels=present, zero_division=0)),
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "expected_calibration_error": calibration(truth, probabilities)[0],
    }


def always(emotion: str, truth: np.ndarray) -> dict[str, float]:
    """The headline figures of answering one emotion every time: the floor any model must clear."""
    answer = np.eye(len(EMOTIONS))[EMOTIONS.index(emotion)]
    figures = headline(truth, np.tile(answer, (len(truth), 1)))
    return {name: value for name, value in figures.items() if name != "expected_calibration_error"}


def most_frequent(truth: np.ndarray) -> str:
    """The emotion with the most rows."""
    return EMOTIONS[np.bincount(truth, minlength=len(EMOTIONS)).argmax()]


def calibration(truth: np.ndarray, probabilities: np.ndarray) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error and the reliability bins behind it (Guo et al. 2017, 15 bins of equal width).

    A row belongs to the bin of its top probability. The error is the mean distance between a bin's share of right
    answers and its mean top probability, weighted by rows. Empty bins are left out.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    # Bins are open below and closed above, so a probability of exactly 1 falls in the last one.
    bin_of_row = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    bins = []
    for index in np.unique(bin_of_row):
        inside = bin_of_row == index
        bins.append(
            {
                "low": float(index / CALIBRATION_BINS),
                "high": float((index + 1) / CALIBRATION_BINS),
                "n": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(right[inside].mean()),
            }
        )
    error = sum(entry["n"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins) / max(len(truth), 1)
    return float(error), bins


def wilson(right: ArrayLike, n: ArrayLike, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the 95% interval of a share, `right` of `n` (Wilson 1927), each float; `n` is at least 1.

    It takes the rows as independent of each other.
    """
    n = np.asarray(n, float)
    share = np.asarray(right, float) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The number that divides a model's scores so that they fit `truth` best (temperature scaling, Guo et al. 2017).

    The scores are taken to be the logarithms of the probabilities, which differ from them by a constant for each row.
    """
    scores = np.log(np.maximum(probabilities, 1e-12))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log((0.1, 10)), method="bounded").x))


def per_emotion(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each of the seven, by name; 0 where a ratio is undefined."""
    columns = metrics.precision_recall_fscore_support(
        truth, probabilities.argmax(axis=1), labels=range(len(EMOTIONS)), zero_division=0
    )
    return {
        emotion: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for emotion, p, r, f, n in zip(EMOTIONS, *columns, strict=True)
    }


def confusion(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts int64 [7, 7]: a row for each true emotion, a column for each predicted one."""
    return np.asarray(metrics.confusion_matrix(truth, probabilities.argmax(axis=1), labels=range(len(EMOTIONS))))


def weighted_f1(confusions: np.ndarray) -> np.ndarray:
    """Weighted F1 of confusion matrices [..., 7, 7], float64 [...]."""
    support, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    f1 = 2 * right / np.maximum(support + predicted, 1)
    return np.asarray((f1 * support).sum(axis=-1) / np.maximum(support.sum(axis=-1), 1))


def bootstrap(
    truth: np.ndarray, probabilities: Mapping[str, np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, np.ndarray]:
    """Weighted F1 of each model on the same resamples of the rows, float64 [resamples] (Efron 1979).

    Only the counts of each combination of truth and answers matter, so a resample of the rows is one multinomial
    draw over these combinations, whatever the number of rows. Differences between two models of the result are
    paired. Rows are drawn independently, which neglects that utterances of one dialogue resemble each other.
    """
    answers = [values.argmax(axis=1) for values in probabilities.values()]
    combinations, counts = np.unique(np.stack([truth, *answers], axis=1), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(truth), counts / counts.sum(), size=resamples)
    scores = {}
    for column, model in enumerate(probabilities, start=1):
        cell = combinations[:, 0] * len(EMOTIONS) + combinations[:, column]
        confusions = drawn @ np.eye(len(EMOTIONS) ** 2, dtype=np.int64)[cell]
        scores[model] = weighted_f1(confusions.reshape(resamples, len(EMOTIONS), len(EMOTIONS)))
    return scores


def interval(resampled: np.ndarray) -> list[float]:
    """The 95% percentile interval of resampled values: low, high."""
    low, high = np.percentile(resampled, (2.5, 97.5))
    return [float(low), float(high)]
