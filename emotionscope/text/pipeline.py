"""The text model as a scikit-learn pipeline: what training fits, and what compiled scoring is compared with."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from emotionscope.labels import EMOTIONS, indices
from emotionscope.text import characters
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.text.reading import TOKEN

MARKS = r"[^\w\s]+"  # a run of marks, such as ?!
FAMILIES = ("words", "characters", "marks")


def vectorisers(lengths: NGramLengths, rare: int = 1) -> dict[str, TfidfVectorizer]:
    """The unfitted TF-IDF of each family of n-grams; those of characters occur in at least `rare` texts."""
    common: dict[str, object] = {"sublinear_tf": True, "dtype": np.float32}
    analyzer = "char" if lengths.across else "char_wb"
    return {
        "words": TfidfVectorizer(token_pattern=TOKEN, ngram_range=lengths.words, **common),
        "characters": TfidfVectorizer(analyzer=analyzer, ngram_range=lengths.characters, min_df=rare, **common),
        # By number and not normed, so that they tell how long and how loud an utterance is.
        "marks": TfidfVectorizer(token_pattern=MARKS, use_idf=False, norm=None, **common),
    }


def from_pipeline(pipeline: Pipeline, lengths: NGramLengths) -> TextModel:
    """The model of a fitted pipeline with the steps ``features`` (a union of `vectorisers`) and ``classifier``."""
    features, classifier = pipeline.named_steps["features"], pipeline.named_steps["classifier"]
    fitted = dict(features.transformer_list)
    terms: list[list[str]] = []
    idf: list[float] = []
    columns: list[int] = []
    for name in FAMILIES:
        names, place = fitted[name].get_feature_names_out() if name in fitted else np.empty(0, object), len(columns)
        own = fitted[name].idf_ if len(names) and fitted[name].use_idf else np.ones(len(names))
        # Common ones first, so that those of most texts lie close together in memory.
        order = np.argsort(own, kind="stable")
        terms.append(names[order].tolist())
        idf += own[order].tolist()
        columns += (order + place).tolist()
    weights, bias = classifier.coef_.T[columns], classifier.intercept_
    if len(classifier.classes_) == 2:  # one score, which counts for the second and against the first
        weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    every = [term for family in terms for term in family]
    return TextModel(
        lengths=lengths,
        labels=tuple(EMOTIONS[index] for index in indices(classifier.classes_)),
        families=(len(terms[0]), len(terms[1]), len(terms[2])),
        marks_weight=float((features.transformer_weights or {}).get("marks", 1.0)),
        terms=characters.code_points("".join(every)),
        sizes=np.array([len(term) for term in every], np.uint32),
        idf=np.array(idf, np.float32),
        weights=np.ascontiguousarray(weights, np.float32),
        bias=bias.astype(np.float32),
    )


def to_pipeline(model: TextModel) -> Pipeline:
    """The pipeline whose ``predict_proba`` says of texts from `reading.read` what the model says, for ``classes_``."""
    union, place = [], 0
    for (name, vectoriser), terms in zip(vectorisers(model.lengths).items(), model.vocabulary(), strict=True):
        if terms:
            vectoriser.set_params(vocabulary=terms, min_df=1).fit([""])
            if vectoriser.use_idf:
                vectoriser.idf_ = model.idf[place : place + len(terms)]
            union.append((name, vectoriser))
        place += len(terms)
    weights = {"marks": model.marks_weight} if model.families[2] else None
    classifier = LogisticRegression()
    classifier.classes_ = np.array(model.labels)
    classifier.coef_, classifier.intercept_ = model.weights.T, model.bias
    if len(model.labels) == 2:
        classifier.coef_, classifier.intercept_ = model.weights.T[1:] * 2, model.bias[1:] * 2
    classifier.n_features_in_ = len(model.sizes)
    return Pipeline([("features", FeatureUnion(union, transformer_weights=weights)), ("classifier", classifier)])
