"""Small scores tables made by hand."""

import pyarrow as pa

from emotionscope.labels import EMOTIONS, MODELS


def one_answer(emotion: str | None, probability: float = 0.9) -> list[float | None]:
    """Probabilities with one clear answer, or nulls."""
    if emotion is None:
        return [None] * 7
    rest = (1 - probability) / 6
    return [probability if name == emotion else rest for name in EMOTIONS]


def scores(truth: list[str | None], answers: dict[str, list[list[float | None]]], **columns) -> pa.Table:
    """A made-up scores table: labels, and per model a list of seven probabilities for each row."""
    n = len(truth)
    table = {
        "dialogue_id": ["d"] * n,
        "utterance_id": pa.array(range(n), pa.int64()),
        "emotion": pa.array(truth, pa.string()),
        "bundle": ["v1"] * n,
        "error": pa.nulls(n, pa.string()),
    }
    for model in MODELS:
        rows = answers.get(model, [one_answer(None)] * n)
        likeliest = [None if row[0] is None else EMOTIONS[row.index(max(row))] for row in rows]
        table[f"{model}_emotion"] = pa.array(likeliest, pa.string())
        for index, emotion in enumerate(EMOTIONS):
            table[f"{model}_{emotion}"] = pa.array([row[index] for row in rows], pa.float32())
    return pa.table(table | columns)
