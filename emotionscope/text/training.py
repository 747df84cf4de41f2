"""Training of the text model: settings and calibration by cross-validation within train.

Punctuation marks are words here, and counted once more by themselves: on conversations ``!``, ``?`` and ``…`` tell more
about the emotion than most words do.
"""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, product

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.parallel import Parallel, delayed

from emotionscope import metrics
from emotionscope.errors import UserError
from emotionscope.io import profile
from emotionscope.io.storage import JsonObject
from emotionscope.labels import EMOTIONS, canonical, canonical_split, indices, left_out
from emotionscope.text import pipeline
from emotionscope.text.blank import has_text
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.text.reading import read

FOLDS = 3  # of the cross-validation that chooses the settings
MARKS_WEIGHT = 0.3  # beside the n-grams, whose rows have length 1
TOLERANCE = 1e-5  # of the gradient of the mean loss, at which the solver stops
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


GRID = tuple(
    TextHyperparameters((1, 2), characters, across, C, power)
    for (characters, across), C, power in product([((1, 5), False), ((2, 6), True)], [0.5, 0.8], [0.5, 0.6, 0.7])
)


def train(
    table: pa.Table, grid: Sequence[TextHyperparameters] = GRID, processes: int = 1
) -> tuple[TextModel, JsonObject]:
    """Fit on the rows of split train, with settings and calibration from cross-validation there.

    Dev and test stay unseen, so that a fusion can be learnt on dev. `table` has the columns ``utterance``,
    ``emotion`` and ``split``; rows without text, without a label or with one that is none of the seven are left out
    and counted. The record holds the chosen setting, every point of the grid with its figures on the held-out rows
    (before calibration), the figures on dev and test where there are any, and the profile of the answers there, or
    on train where there are none. Raises UserError where a column or
    split train is missing, or it has too few rows.
    """
    missing = [name for name in ("utterance", "emotion", "split") if name not in table.column_names]
    if missing:
        raise UserError(f"training needs the column {', '.join(missing)}")
    texts, truth, without = _labelled(table)
    if "train" not in texts:
        raise UserError("no row with text and emotion in split 'train', on which the model is fitted")
    train_texts = [read(text) for text in texts["train"]]
    counts = np.sort(np.bincount(truth["train"], minlength=len(EMOTIONS)))
    if counts[-2] < FOLDS:
        raise UserError(f"split 'train' needs at least two emotions with {FOLDS} rows each")

    held_out = _cross_validate(train_texts, truth["train"], grid, processes)
    tried = [metrics.headline(truth["train"], probabilities) for probabilities in held_out]
    best = int(np.argmax([figures["weighted_f1"] for figures in tried]))
    features = _features(grid[best], train_texts)
    rows = _fit_transform(features, train_texts)
    classifier = _fit_classifier(grid[best], rows, truth["train"])
    # Dividing the linear scores is the whole of temperature scaling, so the pipeline itself is calibrated.
    temperature = metrics.temperature(truth["train"], held_out[best])
    classifier.coef_ /= temperature
    classifier.intercept_ /= temperature
    fitted = Pipeline([("features", features), ("classifier", classifier)])
    model = pipeline.from_pipeline(fitted, grid[best].lengths)

    majority = metrics.most_frequent(truth["train"])
    record: JsonObject = {
        "settings": asdict(grid[best]),
        "temperature": temperature,
        "grid": [{**asdict(point), **figures} for point, figures in zip(grid, tried, strict=True)],
        "rows": {split: len(rows) for split, rows in texts.items()},
        "left_out": without,
        "majority": majority,
    }
    for split in ("dev", "test"):
        if split in texts:
            given = model.probabilities(texts[split])
            record[split] = metrics.headline(truth[split], given)
            record[split]["per_emotion"] = metrics.per_emotion(truth[split], given)
            record[split]["majority"] = metrics.always(majority, truth[split])
    seen = [text for split in ("dev", "test") for text in texts.get(split, ())] or texts["train"]
    record["profile"] = profile.lengths(pa.array(seen)) | profile.answers("text", model.probabilities(seen))
    return model, record


def _labelled(table: pa.Table) -> tuple[dict[str, list[str]], dict[str, np.ndarray], dict[str, int]]:
    """Texts and labels int [n] of each split, and how many rows were left out for which reason."""
    texts: dict[str, list[str]] = {}
    truth: dict[str, list[int]] = {}
    without: Counter[str] = Counter()
    columns = (table[name].to_pylist() for name in ("utterance", "emotion", "split"))
    for text, label, name in zip(*columns, strict=True):
        emotion, split = canonical(label), canonical_split(name)
        if emotion is None or split is None or not has_text(text):
            without[left_out(label) if emotion is None else "no split" if split is None else "no text"] += 1
            continue
        texts.setdefault(split, []).append(text)
        truth.setdefault(split, []).append(EMOTIONS.index(emotion))
    return texts, {split: np.array(emotions) for split, emotions in truth.items()}, dict(without)


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


def _fit_classifier(settings: TextHyperparameters, rows: csr_matrix, truth: np.ndarray) -> LogisticRegression:
    names, counts = np.unique([EMOTIONS[index] for index in truth], return_counts=True)
    weights = (len(truth) / len(names) / counts) ** settings.class_weight_power
    class_weight = dict(zip(names.tolist(), weights.tolist(), strict=True))
    scale = _nb_weights(rows, truth)
    # In float64 and to the end, so that another CPU's rounding moves no figure.
    classifier = LogisticRegression(C=settings.C, class_weight=class_weight, max_iter=5000, tol=TOLERANCE)
    classifier.fit((rows @ diags(scale)).astype(np.float64), [EMOTIONS[index] for index in truth])
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


def _cross_validate(
    texts: list[str], truth: np.ndarray, grid: Sequence[TextHyperparameters], processes: int
) -> np.ndarray:
    """Probabilities float32 [len(grid), n, 7] of each row by a model that was fitted without its fold."""
    with warnings.catch_warnings():
        # An emotion with fewer rows than folds is fine: it is missing from some of them.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = list(StratifiedKFold(FOLDS).split(texts, truth))
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
        result[np.ix_(points, held)] = probabilities
    return result


def _held_out(
    texts: list[str], truth: np.ndarray, points: list[TextHyperparameters], fold: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Probabilities float32 [len(points), n, 7] of a fold's n held-out rows; the points share their n-grams."""
    fitted, held = fold
    fitted_texts = [texts[index] for index in fitted]
    features = _features(points[0], fitted_texts)
    rows = _fit_transform(features, fitted_texts)
    held_rows = features.transform([texts[index] for index in held])
    result = np.zeros((len(points), len(held), len(EMOTIONS)), dtype=np.float32)
    for probabilities, point in zip(result, points, strict=True):
        classifier = _fit_classifier(point, rows, truth[fitted])
        probabilities[:, indices(classifier.classes_)] = classifier.predict_proba(held_rows)
    return result
