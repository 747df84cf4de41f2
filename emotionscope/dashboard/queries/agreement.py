"""How far reviewers agree, where they do not, and which emotion counts as right."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from emotionscope.dashboard.queries.reviews import Review, by_utterance
from emotionscope.labels import EMOTIONS

MODEL = "the fused answer"  # whose agreement with each reviewer is told, too


@dataclass(frozen=True)
class Agreement:
    """Two who judged the same `n` utterances: the share on which they agree, and Cohen's kappa.

    `kappa` is None where both gave one and the same emotion throughout, so that chance cannot be told from agreement.
    """

    first: str
    second: str
    n: int
    share: float
    kappa: float | None


def agreements(reviews: Sequence[Review]) -> list[Agreement]:
    """Each two reviewers, and each reviewer and the model, on the utterances to which both gave an emotion."""
    told = [review for review in reviews if review.emotion]
    given: dict[str, dict[tuple[str, int], str]] = {}
    for review in told:
        given.setdefault(review.reviewer, {})[review.key] = review.emotion or ""
    found = [_compare(one, other, given[one], given[other]) for one, other in combinations(sorted(given), 2)]
    for name in sorted(given):
        answers = {review.key: review.answer for review in told if review.reviewer == name and review.answer}
        found.append(_compare(name, MODEL, given[name], answers))
    return [each for each in found if each is not None]


def _compare(
    first: str, second: str, ones: dict[tuple[str, int], str], others: dict[tuple[str, int], str]
) -> Agreement | None:
    from sklearn.metrics import cohen_kappa_score

    both = sorted(ones.keys() & others.keys())
    if not both:
        return None
    one, other = [ones[key] for key in both], [others[key] for key in both]
    share = float(np.mean([a == b for a, b in zip(one, other, strict=True)]))
    kappa = float(cohen_kappa_score(one, other, labels=list(EMOTIONS))) if len({*one, *other}) > 1 else None
    return Agreement(first, second, len(both), share, kappa)


def conflicts(reviews: Sequence[Review]) -> dict[tuple[str, int], list[Review]]:
    """The utterances to which reviewers gave different emotions, with their reviews."""
    return {
        key: each
        for key, each in by_utterance(reviews).items()
        if len({review.emotion for review in each if review.emotion}) > 1
    }


def right(reviews: Sequence[Review]) -> dict[tuple[str, int], str]:
    """The emotion of each utterance that more of its reviewers gave than any other; none where there is a tie."""
    found = {}
    for key, each in by_utterance(reviews).items():
        most = Counter(review.emotion for review in each if review.emotion).most_common(2)
        if most and (len(most) == 1 or most[0][1] > most[1][1]):
            found[key] = str(most[0][0])
    return found
