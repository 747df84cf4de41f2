"""Two scores tables of one archive beside each other."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from emotionscope.commands import compare, evaluate
from emotionscope.errors import UserError
from emotionscope.evaluation import comparison
from emotionscope.tables import datasets
from tests.helpers.scores_tables import one_answer, scores

TRUTH = ["joy", "joy", "anger", "neutral", None]
BEFORE = ["joy", "anger", "anger", "joy", "fear"]
AFTER = ["joy", "joy", "fear", "joy", "joy"]


def table(answers: list[str | None], **columns: object) -> pa.Table:
    return scores(list(TRUTH), {"fused": [one_answer(name) for name in answers]}, **columns)


def test_what_changed_is_counted_and_listed() -> None:
    found = comparison.compare(table(BEFORE), table(AFTER, utterance=["a", "b", "c", "d", "e"]))
    assert (found.rows, found.changed, found.fixed, found.broken) == (5, 3, 1, 1)
    assert {(row.utterance, row.emotion, row.before, row.after) for row in found.changes} == {
        ("b", "joy", "anger", "joy"),
        ("c", "anger", "anger", "fear"),
        ("e", None, "fear", "joy"),
    }
    pair = found.models["fused"]
    assert pair.n == 4
    for given, answers in ((pair.before, BEFORE), (pair.after, AFTER)):
        assert given == pytest.approx(f1_score(TRUTH[:4], answers[:4], average="weighted"))
    assert pair.difference.weighted_f1 == pytest.approx(pair.after - pair.before)


def test_rows_are_matched_by_their_key_whatever_their_order() -> None:
    before, after = table(BEFORE), table(BEFORE)
    order = np.array([3, 0, 4, 1])
    found = comparison.compare(before.take(order), after)
    assert (found.rows, found.only, found.changed) == (4, (0, 1), 0)
    assert found.models["fused"].difference.interval == (0, 0)


def test_one_split_is_compared_alone_and_labels_are_not_needed() -> None:
    split = ["test", "train", "test", "train", "test"]
    found = comparison.compare(table(BEFORE), table(AFTER, split=split))
    assert (found.split, found.rows, found.changed) == ("test", 3, 2)
    bare = comparison.compare(table(BEFORE).drop_columns("emotion"), table(AFTER).drop_columns("emotion"))
    assert (bare.models, bare.changed, bare.fixed) == ({}, 3, 0)


def test_tables_that_cannot_be_compared_are_refused() -> None:
    other = table(AFTER).set_column(0, "dialogue_id", pa.array(["another"] * 5))
    with pytest.raises(UserError, match="no utterance in common"):
        comparison.compare(other, table(AFTER))
    with pytest.raises(UserError, match="an utterance twice"):
        comparison.compare(pa.concat_tables([table(BEFORE), table(BEFORE)]), table(AFTER))


def test_the_job_sets_scores_beside_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, answers in (("before", BEFORE), ("after", AFTER)):
        datasets.write_part(table(answers, utterance=["<b>a", "b", "c", "d", "e"]), str(tmp_path / name / "a.parquet"))
    settings = {"scores": str(tmp_path / "after"), "against": str(tmp_path / "before")}
    assert compare.run(compare.Compare(**settings)).changed == 3
    assert "fused answers that changed: 3 (1 became right, 1 wrong)" in capsys.readouterr().out
    evaluate.run(evaluate.Evaluate(**settings, report=str(tmp_path / "report")))
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Against other scores of this archive" in page
    assert json.loads((tmp_path / "report" / "metrics.json").read_text())["against"]["changed"] == 3
    with pytest.raises(UserError, match="no such file"):
        compare.run(compare.Compare(**settings | {"against": str(tmp_path / "none")}))
