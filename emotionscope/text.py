"""Emotion from what is said: TF-IDF of words and character n-grams, then logistic regression.

The model is one plain scikit-learn pipeline stored by skops, so that loading it runs no code. Punctuation marks are
words here: on conversations ``!``, ``?`` and ``…`` tell more about the emotion than most words do.
"""

import io
import json
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, product
from typing import Any, Self

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.parallel import Parallel, delayed

from emotionscope import metrics
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, canonical_or_none, indices

MAX_CHARACTERS = 10_000  # of an utterance; what stands behind is not read
FOLDS = 3  # of the cross-validation that chooses the settings
TOKEN = r"\w+(?:'\w+)?|[^\w\s]"
_STRAIGHT = str.maketrans("‘’‚‛“”„‟´`–—", "''''\"\"\"\"''--")


@dataclass(frozen=True)
class Settings:
    """One point of the grid: n-gram lengths of words and characters, and the classifier's two numbers.

    A class weighs (inverse frequency) ^ `class_weight_power`: 0 weighs rows alike, 1 classes alike.
    """

    words: tuple[int, int]
    characters: tuple[int, int]
    C: float
    class_weight_power: float


GRID = tuple(
    Settings((1, 2), characters, C, power)
    for characters, C, power in product([(1, 5), (2, 4)], [0.3, 0.5, 1.0], [0.5, 0.7])
)


def normalise(text: str) -> str:
    """The text in Unicode's NFKC form with straight quotes and plain dashes, cut at `MAX_CHARACTERS`."""
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).translate(_STRAIGHT)


class TextModel:
    """A fitted pipeline with steps ``features`` (a union of TF-IDF vectorisers) and ``classifier``."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._columns = indices(pipeline.named_steps["classifier"].classes_)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities float32 [n, 7] in `labels.EMOTIONS` order; rows sum to 1. An emotion never seen gets 0."""
        result = np.zeros((len(texts), len(EMOTIONS)), dtype=np.float32)
        if len(texts):
            result[:, self._columns] = self.pipeline.predict_proba([normalise(text) for text in texts])
        return result

    def explain(self, text: str, emotion: str | None = None, top: int = 10) -> list[tuple[str, float]]:
        """The n-grams that moved an emotion's score most, largest first: (n-gram, what it added to the logit).

        The model is linear, so these are exact parts of the score and no estimate. Without `emotion`, the most
        probable one is explained. Raises ValueError for an emotion the model does not know.
        """
        if emotion is None:
            emotion = EMOTIONS[self.probabilities([text])[0].argmax()]
        features, classifier = self.pipeline.named_steps["features"], self.pipeline.named_steps["classifier"]
        known = list(classifier.classes_)
        # Of two classes scikit-learn keeps one row of weights, the second one's.
        weights = classifier.coef_ if len(known) > 2 else np.vstack([-classifier.coef_, classifier.coef_])
        row = features.transform([normalise(text)]).tocsr()
        added = row.data * weights[known.index(emotion), row.indices]
        names = features.get_feature_names_out()[row.indices]
        order = np.argsort(-np.abs(added), kind="stable")[:top]
        return [(str(names[i]).split("__", 1)[1], float(added[i])) for i in order]

    def to_bytes(self) -> bytes:
        """The pipeline as a skops file; the same model gives the same bytes."""
        import skops.io  # takes seconds: it looks at every estimator of scikit-learn

        for _, vectoriser in self.pipeline.named_steps["features"].transformer_list:
            vars(vectoriser).pop("_stop_words_id", None)  # an address in memory, which scikit-learn sets again
        return _reproducible(skops.io.dumps(self.pipeline))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Load what `to_bytes` wrote, with no types but the ones skops trusts by itself.

        Raises ValueError for anything that is not such a model.
        """
        import skops.io

        try:
            pipeline = skops.io.loads(payload, trusted=[])
            vectorisers = [vectoriser for _, vectoriser in pipeline.named_steps["features"].transformer_list]
            shape = (len(pipeline.steps), type(pipeline.named_steps["classifier"]), {type(v) for v in vectorisers})
            if shape != (2, LogisticRegression, {TfidfVectorizer}):
                raise ValueError("it is another pipeline")
            # A vectoriser set to read files would open the paths that the texts name.
            if any(vectoriser.input != "content" for vectoriser in vectorisers):
                raise ValueError("its vectorisers do not read text")
            model = cls(pipeline)
            model.probabilities(["probe"])
        except Exception as error:
            raise ValueError(f"not a text model: {error}") from error
        return model


def train(table: pa.Table, grid: Sequence[Settings] = GRID, processes: int = 1) -> tuple[TextModel, dict[str, Any]]:
    """Fit on the rows of split train, with settings and calibration from cross-validation there.

    Dev and test stay unseen, so that a fusion can be learnt on dev. `table` has the columns ``utterance``,
    ``emotion`` and ``split``; rows without text, without a label or with one that is none of the seven are left out
    and counted. The record holds the chosen setting, every point of the grid with its figures on the held-out rows
    (before calibration), and the figures on dev and test where there are any. Raises UserError where a column or
    split train is missing, or it has too few rows.
    """
    missing = [name for name in ("utterance", "emotion", "split") if name not in table.column_names]
    if missing:
        raise UserError(f"training needs the column {', '.join(missing)}")
    texts, truth, left_out = _labelled(table)
    if "train" not in texts:
        raise UserError("no row with text and emotion in split 'train', on which the model is fitted")
    train_texts = [normalise(text) for text in texts["train"]]
    counts = np.sort(np.bincount(truth["train"], minlength=len(EMOTIONS)))
    if counts[-2] < FOLDS:
        raise UserError(f"split 'train' needs at least two emotions with {FOLDS} rows each")

    held_out = _cross_validate(train_texts, truth["train"], grid, processes)
    tried = [metrics.headline(truth["train"], probabilities) for probabilities in held_out]
    best = int(np.argmax([figures["weighted_f1"] for figures in tried]))
    features = _features(grid[best])
    rows = _fit_transform(features, train_texts)
    classifier = _fit_classifier(grid[best], rows, truth["train"])
    # Dividing the linear scores is the whole of temperature scaling, so the pipeline itself is calibrated.
    temperature = _temperature(truth["train"], held_out[best])
    classifier.coef_ /= temperature
    classifier.intercept_ /= temperature
    model = TextModel(Pipeline([("features", features), ("classifier", classifier)]))

    majority = metrics.most_frequent(truth["train"])
    record: dict[str, Any] = {
        "settings": asdict(grid[best]),
        "temperature": temperature,
        "grid": [{**asdict(point), **figures} for point, figures in zip(grid, tried, strict=True)],
        "rows": {split: len(rows) for split, rows in texts.items()},
        "left_out": left_out,
        "majority": majority,
    }
    for split in ("dev", "test"):
        if split in texts:
            record[split] = metrics.headline(truth[split], model.probabilities(texts[split]))
            record[split]["majority"] = metrics.always(majority, truth[split])
    return model, record


def _labelled(table: pa.Table) -> tuple[dict[str, list[str]], dict[str, np.ndarray], dict[str, int]]:
    """Texts and labels int [n] of each split, and how many rows were left out for which reason."""
    texts: dict[str, list[str]] = {}
    emotions: dict[str, list[str]] = {}
    left_out: Counter[str] = Counter()
    columns = (table[name].to_pylist() for name in ("utterance", "emotion", "split"))
    for text, name, split in zip(*columns, strict=True):
        try:
            emotion = canonical_or_none(name)
        except ValueError:
            left_out[f"label {name}"] += 1
            continue
        if text is None or not text.strip() or emotion is None:
            left_out["no emotion" if emotion is None else "no text"] += 1
            continue
        texts.setdefault(split, []).append(text)
        emotions.setdefault(split, []).append(emotion)
    return texts, {split: np.array(indices(names)) for split, names in emotions.items()}, dict(left_out)


def _features(settings: Settings) -> FeatureUnion:
    common = {"sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(token_pattern=TOKEN, ngram_range=settings.words, **common)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=settings.characters, min_df=2, **common)
    return FeatureUnion([("words", words), ("characters", characters)])


def _fit_transform(features: FeatureUnion, texts: list[str]) -> Any:
    try:
        return features.fit_transform(texts)
    except ValueError as error:
        raise UserError(f"the texts of split 'train' are too few to learn from ({error})") from error


def _fit_classifier(settings: Settings, rows: Any, truth: np.ndarray) -> LogisticRegression:
    names, counts = np.unique([EMOTIONS[index] for index in truth], return_counts=True)
    weights = (len(truth) / len(names) / counts) ** settings.class_weight_power
    class_weight = dict(zip(names.tolist(), weights.tolist(), strict=True))
    # Ten times looser than the default: half the time, for a change in F1 well inside its interval.
    classifier = LogisticRegression(C=settings.C, class_weight=class_weight, max_iter=1000, tol=1e-3)
    return classifier.fit(rows, [EMOTIONS[index] for index in truth])


def _cross_validate(texts: list[str], truth: np.ndarray, grid: Sequence[Settings], processes: int) -> np.ndarray:
    """Probabilities float32 [len(grid), n, 7] of each row by a model that was fitted without its fold."""
    with warnings.catch_warnings():
        # An emotion with fewer rows than folds is fine: it is missing from some of them.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = list(StratifiedKFold(FOLDS).split(texts, truth))
    # Points with the same n-grams share one vocabulary.
    groups = [list(points) for _, points in groupby(range(len(grid)), lambda i: (grid[i].words, grid[i].characters))]
    tasks = [(points, fold) for points in groups for fold in folds]
    answers = Parallel(n_jobs=processes)(
        delayed(_held_out)(texts, truth, [grid[point] for point in points], fold) for points, fold in tasks
    )
    result = np.zeros((len(grid), len(texts), len(EMOTIONS)), dtype=np.float32)
    for (points, (_, held)), probabilities in zip(tasks, answers, strict=True):
        result[np.ix_(points, held)] = probabilities
    return result


def _held_out(
    texts: list[str], truth: np.ndarray, points: list[Settings], fold: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Probabilities float32 [len(points), n, 7] of a fold's n held-out rows; the points share their n-grams."""
    fitted, held = fold
    features = _features(points[0])
    rows = _fit_transform(features, [texts[index] for index in fitted])
    held_rows = features.transform([texts[index] for index in held])
    result = np.zeros((len(points), len(held), len(EMOTIONS)), dtype=np.float32)
    for probabilities, point in zip(result, points, strict=True):
        classifier = _fit_classifier(point, rows, truth[fitted])
        probabilities[:, indices(classifier.classes_)] = classifier.predict_proba(held_rows)
    return result


def _temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The number that divides the scores so that they fit `truth` best (temperature scaling, Guo et al. 2017)."""
    scores = np.log(np.maximum(probabilities, 1e-12))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(scores / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log((0.1, 10)), method="bounded").x))


def _reproducible(payload: bytes) -> bytes:
    """A skops file without what changes from run to run: memory addresses, file times."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as source, zipfile.ZipFile(sink, "w") as target:
        files = [name for name in source.namelist() if name != "schema.json"]
        renamed = {name: f"{number}.{name.rsplit('.', 1)[-1]}" for number, name in enumerate(files)}

        def stable(node: dict[str, Any]) -> dict[str, Any]:
            # An n-gram may itself be called "file" or "__id__"; its value is a node, and stays.
            if isinstance(node.get("__id__"), int):
                del node["__id__"]
            if isinstance(node.get("file"), str):
                node["file"] = renamed[node["file"]]
            return node

        schema = json.loads(source.read("schema.json"), object_hook=stable)
        for name in files:
            target.writestr(zipfile.ZipInfo(renamed[name]), source.read(name), zipfile.ZIP_DEFLATED)
        target.writestr(zipfile.ZipInfo("schema.json"), json.dumps(schema), zipfile.ZIP_DEFLATED)
    return sink.getvalue()
