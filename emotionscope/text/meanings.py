"""The second half of the text model: what is said, learnt from several data sets, with the words' vectors.

Logistic regression over the mean of a text's word vectors, over that of its negated words, and over the words
themselves. All three are linear, so in the end each word has its own weights, and scoring needs no vectors.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from emotionscope.text.reading import NOT, said
from emotionscope.text.vectors import WordVectors

PENALTY = 1e-4  # on the squares of the weights, beside the mean loss
OWN = 6.0  # how freely a word departs from what its vector says
OWN_ROWS = 5  # texts that a word must stand in to depart
NEGATED_ROWS = 2  # texts that a negated word must stand in to be one of the vocabulary
STEPS = 100  # of the solver, at most


@dataclass(frozen=True)
class Said:
    """Weights float32 [t, k] of t words for k emotions, and the bias float32 [k], of a text's mean over its words."""

    terms: list[str]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Of texts that `reading.read` returned, float32 [n, k]."""
        scores = _means(texts, {term: place for place, term in enumerate(self.terms)}) @ self.weights + self.bias
        return np.asarray(log_softmax(scores, axis=1), np.float32)


def fit(
    texts: Sequence[str],
    truth: NDArray[np.int64],
    row_weights: NDArray[np.float64],
    sets: NDArray[np.int64],
    vectors: WordVectors | None,
) -> Said:
    """Fit on texts that `reading.read` returned, with their classes 0 … k - 1, all of which occur.

    `sets` says which data set a row is of. Each has its own bias, as emotions are not as common in one as in the
    other; the result has that of set 0.
    """
    terms = _vocabulary(texts, vectors)
    means = _means(texts, {term: place for place, term in enumerate(terms)})
    own = np.flatnonzero(means.getnnz(axis=0) >= OWN_ROWS)
    directions = _directions(terms, vectors)
    dense = np.asarray(means @ directions, np.float32)
    scale = dense.std(axis=0) + np.float32(1e-9)
    sparse = means[:, own] * np.float32(OWN)
    offsets = np.eye(sets.max() + 1, dtype=np.float32)[sets][:, 1:]
    weights, own_weights, bias = _solve(dense / scale, sparse, offsets, truth, row_weights / row_weights.sum())
    of_terms = (directions / scale) @ weights
    of_terms[own] += OWN * own_weights
    return Said(terms, of_terms.astype(np.float32), bias.astype(np.float32))


def _vocabulary(texts: Sequence[str], vectors: WordVectors | None) -> list[str]:
    """All that is said, and the words of the vectors; negated words that are not rare."""
    rows = Counter(token for text in texts for token in set(said(text)))
    found = {token for token, count in rows.items() if not token.startswith(NOT) or count >= NEGATED_ROWS}
    return sorted(found | set(vectors.words if vectors else ()))


def _directions(terms: list[str], vectors: WordVectors | None) -> NDArray[np.float32]:
    """The vectors of terms, float32 [t, 2 d]; the second half is zero where the term is not negated."""
    if vectors is None:
        return np.zeros((len(terms), 0), np.float32)
    found = vectors.of([term.removeprefix(NOT) for term in terms])
    negated = np.array([term.startswith(NOT) for term in terms])[:, None]
    return np.hstack([found, found * negated])


def _means(texts: Sequence[str], places: dict[str, int]) -> csr_matrix:
    """The share of each known word among those of a text, float32 [n, t]."""
    rows = [[places[token] for token in said(text) if token in places] for text in texts]
    sizes = np.array([len(row) for row in rows], np.int64)
    shares = np.repeat(1 / np.maximum(sizes, 1), sizes).astype(np.float32)
    columns = np.array([place for row in rows for place in row], np.int64)
    found = csr_matrix((shares, columns, np.append(0, np.cumsum(sizes))), (len(texts), len(places)))
    found.sum_duplicates()
    return found


def _solve(
    dense: NDArray[np.float32],
    sparse: csr_matrix,
    offsets: NDArray[np.float32],
    truth: NDArray[np.int64],
    row_weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Softmax regression: weights of both kinds of columns, and the bias. The offsets' are not penalised.

    scikit-learn's takes one matrix, which as a sparse one is several times as slow here.
    """
    k, sizes = int(truth.max()) + 1, (dense.shape[1], sparse.shape[1], offsets.shape[1], 1)
    ends = np.cumsum(sizes)[:-1]
    target = np.eye(k, dtype=np.float32)[truth]
    rows = row_weights.astype(np.float32)[:, None]
    back = sparse.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        every = flat.reshape(-1, k)
        one, two, three, bias = np.split(every.astype(np.float32), ends)
        given = log_softmax(dense @ one + sparse @ two + offsets @ three + bias, axis=1)
        missed = rows * (np.exp(given) - target)
        gradient = np.concatenate([dense.T @ missed, back @ missed, offsets.T @ missed, missed.sum(axis=0)[None]])
        penalised = every[: ends[1]]
        value = -float((rows * target * given).sum()) + PENALTY / 2 * float((penalised**2).sum())
        gradient = gradient.astype(np.float64)
        gradient[: ends[1]] += PENALTY * penalised
        return value, gradient.ravel()

    found = minimize(
        loss, np.zeros(sum(sizes) * k), jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "gtol": 1e-6}
    )
    one, two, _, bias = np.split(found.x.reshape(-1, k), ends)
    return one, two, bias[0]
