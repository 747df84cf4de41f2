"""The recipes in the documentation run as they stand, and say the same in DuckDB and in pandas."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emotionscope.commands import summarise
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets
from tests.conftest import ROOT
from tests.helpers.scores_tables import one_answer, scores

RECIPES = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "summaries.md").read_text(), re.DOTALL)
NAMES = ("minutes", "answers", "masks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scores` and `summaries`."""
    made = tmp_path_factory.mktemp("recipes")
    emotions: list[str | None] = [EMOTIONS[(number * number + number // 7) % 7] for number in range(90)]
    answers = [one_answer(emotion, 0.6 + number / 1000) for number, emotion in enumerate(emotions)]
    seen = [*answers[1:], one_answer(None)]
    columns: dict[str, Any] = {
        "utterance": [f"Line {number}." for number in range(90)],
        "speaker": [("Ann", "Ben", "Cid")[number * 5 % 11 % 3] for number in range(90)],
        "start": [number * 7.0 for number in range(90)],
        "vision_emotion": [*emotions[1:], None],
    }
    table = scores(emotions, {"text": answers, "vision": seen, "fused": answers}, **columns)
    datasets.write_part(table, str(made / "scores" / "part-0.parquet"))
    summarise.run(summarise.Summarise(scores=str(made / "scores"), output=str(made / "summaries")))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_the_same_in_duckdb_and_pandas(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found: list[pd.DataFrame] = []
    for recipe in RECIPES[2 * NAMES.index(name) :][:2]:
        names: dict[str, Any] = {}
        exec(recipe, names)
        found.append(names[name])
    assert len(RECIPES) == 2 * len(NAMES)
    assert len(found[0]) > 2
    pd.testing.assert_frame_equal(found[0], found[1], check_dtype=False, check_names=False)
