"""docs/tables.md shows the columns that the code holds tables to."""

from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope import labels
from emotionscope.errors import UserError
from emotionscope.tables import contracts
from emotionscope.tables.contracts import CONTRACTS, Column, TableContract

DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def type_name(kind: pa.DataType) -> str:
    if kind == contracts.FACES:
        return "list of structs"
    names = {pa.float64(): "float64", pa.float32(): "float32", contracts.BOX: "struct of int32"}
    names[contracts.EMBEDDING] = "list of float32"
    return names.get(kind, str(kind))


def lines(columns: tuple[Column, ...]) -> list[str]:
    """A line of a Markdown table for each column; neighbours of one meaning share one."""
    found = []
    for (_, meaning), group in groupby(columns, lambda each: (each.type, each.meaning)):
        same = list(group)
        names = [column.name for column in same]
        name = f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` … `{names[-1]}`"
        kind = type_name(same[0].type) + (" or integer" if same[0].numbered else "")
        found.append(f"| {name} | {kind} | {'yes' if same[0].required else ''} | {meaning} |")
    return found


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.kind)
def test_the_document_lists_the_columns_of_each_table(contract: TableContract) -> None:
    section = DOCUMENT.read_text().split(f"## {contract.kind.capitalize()}\n")[1].split("\n## ")[0]
    assert f"One row is {contract.row}." in section
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    inherited = {
        "keyframes": contracts.DIALOGUES.by_name,
        "scores": contracts.DIALOGUES.by_name,
    }.get(contract.kind, {})
    own = tuple(column for column in contract.columns if column.name not in inherited)
    assert rows == lines(own)


def test_the_document_shows_the_struct_of_the_faces() -> None:
    text = DOCUMENT.read_text()
    for field in contracts.FACE:
        kind = "struct of int32 `x`, `y`, `w`, `h`" if pa.types.is_struct(field.type) else type_name(field.type)
        assert f"\n- `{field.name}`, {kind}: " in text


def test_the_document_lists_the_other_names_of_labels_and_splits() -> None:
    text = DOCUMENT.read_text()
    assert f"`{contracts.INTERNAL}`" in text
    assert all(f"`{name}`" in text for name in (*labels.ALIASES, *labels.SPLIT_ALIASES))


def test_what_a_job_adds_cannot_meet_a_column_of_the_input() -> None:
    dialogues = pa.schema([(column.name, column.type) for column in contracts.DIALOGUES.columns])
    keyframes = contracts.keyframes_schema(dialogues)
    assert keyframes.names == [column.name for column in contracts.KEYFRAMES.columns]
    scores = contracts.scores_schema(keyframes)
    assert set(scores.names) == {column.name for column in contracts.SCORES.columns}
    with pytest.raises(UserError, match="video_error; rename them"):
        contracts.keyframes_schema(keyframes)
    with pytest.raises(UserError, match=r"text_emotion.*bundle; rename them"):
        contracts.scores_schema(scores)
