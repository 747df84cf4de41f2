"""Questions to a scores table of any size, answered by DuckDB without loading it whole; knows nothing of the pages."""

import os
import tempfile
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import pandas as pd
import pyarrow.dataset as pads

from emotionscope import storage, tables
from emotionscope.labels import EMOTIONS, MODELS, probability_columns

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk
POSITIONS = 12  # groups of utterances in the course of a dialogue
GROUP = 3  # utterances in one of them
SPEAKERS = 12


@dataclass(frozen=True)
class Selection:
    """Filters that combine. An empty one lets every row through.

    `model` is whose emotion and certainty count: text, vision or fused. `certainty` is the least probability of the
    likeliest emotion. `search` is looked for in the text, whatever its case.
    """

    model: str = "fused"
    emotions: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    certainty: float = 0.0
    disagreement: bool = False
    error: bool = False
    search: str = ""


class Archive:
    """A scores table, and the keyframes it was made from where they are given."""

    def __init__(self, scores: str, keyframes: str | None = None) -> None:
        """Raises UserError where one of the tables is missing, unfinished or another kind of table."""
        self.dataset = tables.open_dataset(scores, "scores")
        self.columns = self.dataset.schema.names
        self.connection = duckdb.connect(config={"memory_limit": MEMORY})
        self._remote: dict[str, pads.Dataset] = {}
        self._view("scores", self.dataset)
        self.has_keyframes = keyframes is not None
        if keyframes:
            self._view("keyframes", tables.open_dataset(keyframes, "keyframes"))

    def _view(self, name: str, dataset: tables.Dataset) -> None:
        uris = [part.uri for part in dataset.parts]
        if storage.is_s3(dataset.uri):
            filesystem, _ = storage.filesystem(dataset.uri)
            paths = [storage.filesystem(uri)[1] for uri in uris]
            self._remote[name] = pads.dataset(paths, dataset.schema, "parquet", filesystem)
        else:
            self.connection.read_parquet(uris, union_by_name=True).create_view(name)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor for one question: Streamlit serves several people from threads."""
        cursor = self.connection.cursor()
        for name, dataset in self._remote.items():  # which only the cursor it is registered with sees
            cursor.register(name, dataset)
        return cursor

    def _ask(self, query: str, parameters: list[Any] | None = None) -> pd.DataFrame:
        return self._cursor().execute(query, parameters or []).df()

    def where(self, chosen: Selection) -> tuple[str, list[Any]]:
        """The filters as SQL and its parameters."""
        terms: list[str] = ["true"]
        values: list[Any] = []
        if chosen.emotions:
            terms.append(f"{chosen.model}_emotion IN ({_marks(chosen.emotions)})")
            values += chosen.emotions
        if chosen.speakers and "speaker" in self.columns:
            terms.append(f"speaker IN ({_marks(chosen.speakers)})")
            values += chosen.speakers
        if chosen.certainty > 0:
            terms.append(f"{certainty(chosen.model)} >= ?")
            values.append(chosen.certainty)
        if chosen.disagreement:
            terms.append("text_emotion <> vision_emotion")
        if chosen.error:
            terms.append("error IS NOT NULL")
        if chosen.search:
            terms.append("contains(lower(utterance), lower(?))")
            values.append(chosen.search)
        return " AND ".join(terms), values

    def totals(self, chosen: Selection) -> dict[str, int]:
        """Counts of the selected rows: rows, dialogues, with_faces, disagreements, errors."""
        where, values = self.where(chosen)
        row = self._ask(
            "SELECT count(*) AS rows, count(DISTINCT dialogue_id) AS dialogues,"
            " count(*) FILTER (faces > 0) AS with_faces,"
            " count(*) FILTER (text_emotion <> vision_emotion) AS disagreements, count(error) AS errors"
            f" FROM scores WHERE {where}",
            values,
        ).iloc[0]
        return {str(name): int(value) for name, value in row.items()}

    def spread(self, chosen: Selection, by: Literal["nothing", "speaker", "position"] = "nothing") -> pd.DataFrame:
        """Rows by emotion, and by speaker (the commonest) or by place in the dialogue: emotion, rows, and group."""
        where, values = self.where(chosen)
        emotion = f"{chosen.model}_emotion"
        group = {"nothing": "''", "speaker": "speaker", "position": f"least(utterance_id // {GROUP}, {POSITIONS - 1})"}[
            by
        ]
        table = self._ask(
            f'SELECT {emotion} AS emotion, {group} AS "group", count(*) AS rows FROM scores'
            f" WHERE {where} AND {emotion} IS NOT NULL AND {group} IS NOT NULL GROUP BY ALL",
            values,
        )
        if by == "speaker":
            common = table.groupby("group")["rows"].sum().nlargest(SPEAKERS).index
            table = table[table["group"].isin(common)]
        return table.sort_values(["group", "emotion"], ignore_index=True)

    def disagreement(self, chosen: Selection) -> pd.DataFrame:
        """Rows by what text and vision say, where both say something: text, vision, rows."""
        where, values = self.where(chosen)
        return self._ask(
            "SELECT text_emotion AS text, vision_emotion AS vision, count(*) AS rows FROM scores"
            f" WHERE {where} AND text_emotion IS NOT NULL AND vision_emotion IS NOT NULL GROUP BY ALL",
            values,
        )

    def rows(self, chosen: Selection, order: str = "", descending: bool = False, limit: int = 500) -> pd.DataFrame:
        """The first selected rows, in the archive's order or by a column."""
        where, values = self.where(chosen)
        shown = [name for name in ("dialogue_id", "utterance_id", "speaker", "utterance") if name in self.columns]
        emotions = [f"{model}_emotion" for model in MODELS]
        label = ["emotion"] if "emotion" in self.columns else []
        by = f"ORDER BY {_name(order)} {'DESC' if descending else 'ASC'} NULLS LAST" if order else ""
        names = ", ".join(map(_name, [*shown, *label, *emotions]))
        return self._ask(
            f"SELECT {names}, {certainty(chosen.model)} AS certainty, faces, error FROM scores WHERE {where} {by}"
            f" LIMIT {int(limit)}",
            values,
        )

    def speakers(self, limit: int = 200) -> list[str]:
        """The commonest speakers."""
        if "speaker" not in self.columns:
            return []
        query = "SELECT speaker FROM scores WHERE speaker IS NOT NULL GROUP BY speaker ORDER BY count(*) DESC, speaker"
        return [str(name) for name in self._ask(f"{query} LIMIT {int(limit)}")["speaker"]]

    def export(self, chosen: Selection, kind: Literal["csv", "parquet"]) -> bytes:
        """All selected rows with all their columns, as a file's content."""
        where, values = self.where(chosen)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"selection.{kind}")
            options = "FORMAT csv, HEADER" if kind == "csv" else "FORMAT parquet, COMPRESSION zstd"
            self._cursor().execute(f"COPY (SELECT * FROM scores WHERE {where}) TO '{path}' ({options})", values)
            with open(path, "rb") as file:
                return file.read()

    def dialogues(self, search: str = "", limit: int = 200) -> list[str]:
        """Ids of dialogues that contain `search`, whatever its case."""
        query = "SELECT DISTINCT dialogue_id FROM scores WHERE contains(lower(dialogue_id), lower(?)) ORDER BY 1"
        return [str(name) for name in self._ask(f"{query} LIMIT {int(limit)}", [search])["dialogue_id"]]

    def dialogue(self, dialogue_id: str) -> pd.DataFrame:
        """All rows of a dialogue, in order, with all columns."""
        return self._ask("SELECT * FROM scores WHERE dialogue_id = ? ORDER BY utterance_id", [dialogue_id])

    def faces(self, dialogue_id: str) -> dict[int, list[dict[str, Any]]]:
        """The faces of a dialogue's utterances, in order of time, by utterance_id; none without keyframes."""
        if not self.has_keyframes:
            return {}
        query = "SELECT utterance_id, faces FROM keyframes WHERE dialogue_id = ?"
        return dict(self._cursor().execute(query + " AND faces IS NOT NULL", [dialogue_id]).fetchall())


def certainty(model: str) -> str:
    """The probability of a model's likeliest emotion, as SQL."""
    return f"greatest({', '.join(probability_columns(model))})"


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def most_likely(row: dict[str, Any], model: str) -> tuple[str, float] | None:
    """A scores row's emotion by one model, and its probability; None where the model has none."""
    emotion = row.get(f"{model}_emotion")
    return (emotion, float(row[f"{model}_{emotion}"])) if emotion in EMOTIONS else None
