"""Training of the text model: settings and calibration by cross-validation within train.

Punctuation marks are words here, and counted once more by themselves: on conversations ``!``, ``?`` and ``…`` tell more
about the emotion than most words do.
"""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.parallel import Parallel, delayed

from emotionscope import metrics, profile
from emotionscope.errors import UserError, commonest
from emotionscope.labels import EMOTIONS, indices
from emotionscope.storage.place import JsonObject
from emotionscope.text import pipeline
from emotionscope.text.halves import Encode, Fold, More, Rows, choose_share, cooled, joined
from emotionscope.text.labelled_texts import LabelledTexts, labelled_texts
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.text.reading import read

FOLDS = 3  # of the cross-validation that chooses the settings
MARKS_WEIGHT = 0.3  # beside the n-grams, whose rows have length 1
TOLERANCE = 1e-5  # of the gradient of the mean loss, at which the solver stops
ROUGH = 1e-4  # in cross-validation, which only compares
RARE = 3  # rows that an n-gram of characters must occur in


@dataclass(frozen=True)
class TextHyperparameters:
    """One point of the grid: n-gram lengths of words and characters, and the classifier's two numbers.

    `across` lets n-grams of characters reach from one word into the next.
    A class weighs (inverse frequency) ^ `class_weight_power`: 0 weighs rows alike, 1 classes alike.
    """

    words: tuple[int, int]
    characters: tuple[int, int]
    across: bool
    C: float
    class_weight_power: float

    @property
    def lengths(self) -> NGramLengths:
        """The lengths of the n-grams."""
        return NGramLengths(self.words, self.characters, self.across)


GRID = tuple(TextHyperparameters((1, 2), (2, 6), True, 0.8, power) for power in (0.6, 0.7))
SPLITS = ("dev", "test")  # are only measured


def train(
    table: pa.Table,
    grid: Sequence[TextHyperparameters] = GRID,
    processes: int = 1,
    more: Sequence[tuple[pa.Table, float]] = (),
    encode: Encode | None = None,
) -> tuple[TextModel, JsonObject]:
    """Fit on the rows of split train, with settings and calibration from cross-validation there.

    Dev and test stay unseen, so that a fusion can be learnt on dev. `table` has the columns ``utterance``,
    ``emotion`` and ``split``; rows without text, without a label or with one that is none of the seven are left out
    and counted. With `encode`, which is `encoder.vectors`, the model has a second half (`emotionscope.text.halves`),
    which is learnt from `more` such tables, too, with their weight of a row. The record holds the chosen setting, every
    point of the grid with its figures on the held-out rows (before calibration), the figures on dev and test where
    there are any, of each half, and the profile of the answers there, or on train where there are none. Raises
    UserError where a column or split train is missing, or it has too few rows.
    """
    first = labelled_texts(table)
    others = [More(labelled_texts(one), weight) for one, weight in more]
    texts, truth = [read(text) for text in first.texts["train"]], first.truth["train"]
    counts = np.sort(np.bincount(truth, minlength=len(EMOTIONS)))
    if counts[-2] < FOLDS:
        raise UserError(f"split 'train' needs at least two emotions with {FOLDS} rows each")

    folds = _folds(texts, truth)
    held_out = _cross_validate(texts, truth, folds, grid, processes)
    tried = [metrics.headline(truth, probabilities) for probabilities in held_out]
    best = int(np.argmax([figures["weighted_f1"] for figures in tried]))
    model, temperature = _fit(grid[best], texts, truth), metrics.temperature(truth, held_out[best])
    model = cooled(model, temperature)
    record: JsonObject = {
        "settings": asdict(grid[best]),
        "temperature": temperature,
        "prior": _shares(held_out[best], temperature),
        "grid": [{**asdict(point), **figures} for point, figures in zip(grid, tried, strict=True)],
        **_measured(model, first),
    }
    seen = [text for split in SPLITS for text in first.texts.get(split, ())] or first.texts["train"]
    record["profile"] = profile.lengths(pa.array(seen)) | profile.answers("text", model.probabilities(seen))
    if encode:
        rows = Rows(first, others, model.labels, grid[best].class_weight_power, encode)
        share, mixed, shares = choose_share(rows, held_out[best], model.labels, folds)
        after = metrics.temperature(truth, mixed)
        model = joined(model, temperature, rows.fit(), share, after)
        deep = replace(model, deep=True)
        record["encoder"] = {
            "share": share,
            "shares": shares,
            "temperature": after,
            "prior": _shares(mixed, after),
            **_measured(deep, first),
            "more": [{"weight": one.weight, **_measured(deep, one.rows)} for one in others],
        }
    return model, record


def _shares(probabilities: np.ndarray, temperature: float) -> dict[str, float]:
    """How common each emotion is in answers float32 [n, 7], once they are calibrated."""
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    shares = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)
    return dict(zip(EMOTIONS, shares.tolist(), strict=True))


def _measured(model: TextModel, rows: LabelledTexts) -> JsonObject:
    """Rows and figures of a data set. A text that the model does not read has no answer and is counted."""
    left_out = Counter(rows.left_out)
    majority = metrics.most_frequent(rows.truth["train"])
    record: JsonObject = {"rows": {split: len(texts) for split, texts in rows.texts.items()}, "majority": majority}
    for split in SPLITS:
        if split in rows.texts:
            given = model.probabilities(rows.texts[split])
            is_read = ~np.isnan(given[:, 0])
            given, truth = given[is_read], rows.truth[split][is_read]
            left_out[f"text that the model cannot read, in {split}"] += int((~is_read).sum())
            if len(truth):
                record[split] = metrics.headline(truth, given)
                record[split]["per_emotion"] = metrics.per_emotion(truth, given)
                record[split]["majority"] = metrics.always(majority, truth)
    record["left_out"] = dict(commonest(+left_out))
    return record


def _fit(settings: TextHyperparameters, texts: list[str], truth: np.ndarray) -> TextModel:
    features = _features(settings, texts)
    rows = _fit_transform(features, texts)
    fitted = Pipeline([("features", features), ("classifier", _fit_classifier(settings, rows, truth))])
    return pipeline.from_pipeline(fitted, settings.lengths)


def _features(settings: TextHyperparameters, texts: list[str]) -> FeatureUnion:
    families = pipeline.vectorisers(settings.lengths, RARE)
    if any(re.search(pipeline.MARKS, text) for text in texts):
        return FeatureUnion(list(families.items()), transformer_weights={"marks": MARKS_WEIGHT})
    del families["marks"]
    return FeatureUnion(list(families.items()))


def _fit_transform(features: FeatureUnion, texts: list[str]) -> csr_matrix:
    try:
        return features.fit_transform(texts)
    except ValueError as error:
        raise UserError(f"the texts of split 'train' are too few to learn from ({error})") from error


def _fit_classifier(
    settings: TextHyperparameters, rows: csr_matrix, truth: np.ndarray, rough: bool = False
) -> LogisticRegression:
    names, counts = np.unique([EMOTIONS[index] for index in truth], return_counts=True)
    weights = (len(truth) / len(names) / counts) ** settings.class_weight_power
    class_weight = dict(zip(names.tolist(), weights.tolist(), strict=True))
    scale = _nb_weights(rows, truth)
    # The model itself in float64 and to the end, so that another CPU's rounding moves no figure.
    kind, tolerance = (np.float32, ROUGH) if rough else (np.float64, TOLERANCE)
    classifier = LogisticRegression(C=settings.C, class_weight=class_weight, max_iter=5000, tol=tolerance)
    classifier.fit((rows @ diags(scale)).astype(kind), [EMOTIONS[index] for index in truth])
    classifier.coef_ *= scale  # so that it takes the rows as they are
    return classifier


def _nb_weights(rows: csr_matrix, truth: np.ndarray) -> np.ndarray:
    """How much each n-gram tells the emotions apart, float32 [n-grams], by which the penalty on its weight is eased.

    The square root of the spread over the emotions of the log of its (smoothed) share of rows, after the features of
    NB-SVM (Wang & Manning 2012), which know two classes.
    """
    present, classes = np.unique(truth, return_inverse=True)
    member = np.eye(len(present), dtype=np.float32)[classes].T  # [emotions, rows]
    share = (member @ (rows != 0) + 1) / (member.sum(axis=1, keepdims=True) + 2)
    spread = np.sqrt(np.log(share).std(axis=0))
    size = np.sqrt((spread**2).mean())
    return np.asarray(spread / size if size else np.ones_like(spread), dtype=np.float32)


def _folds(texts: list[str], truth: np.ndarray) -> list[Fold]:
    with warnings.catch_warnings():
        # An emotion with fewer rows than folds is fine: it is missing from some of them.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return list(StratifiedKFold(FOLDS).split(texts, truth))


def _cross_validate(
    texts: list[str], truth: np.ndarray, folds: list[Fold], grid: Sequence[TextHyperparameters], processes: int
) -> np.ndarray:
    """Probabilities float32 [len(grid), n, 7] of each row by a model that was fitted without its fold."""
    # Points with the same n-grams share one vocabulary.
    groups = [
        list(points)
        for _, points in groupby(range(len(grid)), lambda i: (grid[i].words, grid[i].characters, grid[i].across))
    ]
    tasks = [(points, fold) for points in groups for fold in folds]
    answers = Parallel(n_jobs=processes)(
        delayed(_held_out)(texts, truth, [grid[point] for point in points], fold) for points, fold in tasks
    )
    result = np.zeros((len(grid), len(texts), len(EMOTIONS)), dtype=np.float32)
    for (points, (_, held)), probabilities in zip(tasks, answers, strict=True):
        result[np.ix_(np.array(points), held)] = probabilities
    return result


def _held_out(texts: list[str], truth: np.ndarray, points: list[TextHyperparameters], fold: Fold) -> np.ndarray:
    """Probabilities float32 [len(points), n, 7] of a fold's n held-out rows; the points share their n-grams."""
    fitted, held = fold
    fitted_texts = [texts[index] for index in fitted]
    features = _features(points[0], fitted_texts)
    rows = _fit_transform(features, fitted_texts)
    held_rows = features.transform([texts[index] for index in held])
    result = np.zeros((len(points), len(held), len(EMOTIONS)), dtype=np.float32)
    for probabilities, point in zip(result, points, strict=True):
        classifier = _fit_classifier(point, rows, truth[fitted], rough=True)
        probabilities[:, indices(classifier.classes_)] = classifier.predict_proba(held_rows)
    return result
