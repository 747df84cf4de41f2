"""Emotion from what is said: TF-IDF of words and character n-grams, then logistic regression.

The model is one plain scikit-learn pipeline stored by skops, so that loading it runs no code; `text_training` fits it.
"""

import copy
import io
import json
import unicodedata
import zipfile
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from emotionscope.labels import EMOTIONS, indices

MAX_CHARACTERS = 10_000  # of an utterance; what stands behind is not read
_STRAIGHT = str.maketrans("‘’‚‛“”„‟´`–—", "''''\"\"\"\"''--")


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

        pipeline = copy.deepcopy(self.pipeline)
        for _, vectoriser in pipeline.named_steps["features"].transformer_list:
            vars(vectoriser).pop("_stop_words_id", None)  # an address in memory, which scikit-learn sets again
            # As one string: skops looks at each entry of a dictionary, which takes seconds for 100,000.
            vectoriser.vocabulary_ = json.dumps(sorted(vectoriser.vocabulary_, key=vectoriser.vocabulary_.get))
        return _reproducible(skops.io.dumps(pipeline))

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
            for vectoriser in vectorisers:
                terms = json.loads(vectoriser.vocabulary_)
                vectoriser.vocabulary_ = {str(term): column for column, term in enumerate(terms)}
            model = cls(pipeline)
            model.probabilities(["probe"])
        except Exception as error:
            raise ValueError(f"not a text model: {error}") from error
        return model


def _reproducible(payload: bytes) -> bytes:
    """A skops file without what changes from run to run: memory addresses, file times."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as source, zipfile.ZipFile(sink, "w") as target:
        files = [name for name in source.namelist() if name != "schema.json"]
        renamed = {name: f"{number}.{name.rsplit('.', 1)[-1]}" for number, name in enumerate(files)}

        def stable(node: dict[str, Any]) -> dict[str, Any]:
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
