"""Questions to a scores table of any size, answered by DuckDB without loading it whole; knows nothing of the pages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as pads

from emotionscope.io import storage, tables
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


@dataclass(frozen=True)
class Overview:
    """Counts of the selected rows.

    `totals` has rows, dialogues, with_faces, disagreements and errors. The tables have the column rows beside what
    they count by: emotion; position (of the group of utterances) and emotion; speaker (the commonest) and emotion;
    text and vision (what each says, where both say something).
    """

    totals: dict[str, int]
    emotions: pd.DataFrame
    by_position: pd.DataFrame
    by_speaker: pd.DataFrame
    pairs: pd.DataFrame


class Archive:
    """A scores table, and the keyframes it was made from where they are given."""

    def __init__(self, scores: str, keyframes: str | None = None) -> None:
        """Raises UserError where one of the tables is missing, unfinished or another kind of table."""
        self.dataset = tables.open_dataset(scores, "scores")
        self.columns = self.dataset.schema.names
        self.connection = duckdb.connect(config={"memory_limit": MEMORY})
        self.connection.execute("SET parquet_metadata_cache = true")  # of thousands of files, needed by every query
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
            self.connection.read_parquet(uris, union_by_name=not dataset.alike).create_view(name)

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
            # Many times quicker than asking for the greatest, which is that of a chosen emotion where some are chosen.
            columns = [f"{chosen.model}_{emotion}" for emotion in chosen.emotions or EMOTIONS]
            terms.append(f"({' OR '.join(f'{name} >= ?' for name in columns)})")
            values += [chosen.certainty] * len(columns)
        if chosen.disagreement:
            terms.append("text_emotion <> vision_emotion")
        if chosen.error:
            terms.append("error IS NOT NULL")
        if chosen.search:
            terms.append("contains(lower(utterance), lower(?))")
            values.append(chosen.search)
        return " AND ".join(terms), values

    def overview(self, chosen: Selection) -> Overview:
        """All that the page counts, in one pass over the archive."""
        where, values = self.where(chosen)
        speaker = "speaker" if "speaker" in self.columns else "NULL"
        table = self._ask(
            f"""
            WITH chosen AS (
                SELECT {chosen.model}_emotion AS emotion, least(utterance_id // {GROUP}, {POSITIONS - 1}) AS position,
                    {speaker} AS speaker, text_emotion AS "text", vision_emotion AS vision, dialogue_id,
                    face_count > 0 AS seen, error IS NOT NULL AS failed
                FROM scores WHERE {where}
            ), counted AS MATERIALIZED (
                SELECT CASE WHEN grouping(position) = 0 THEN 'position' WHEN grouping(speaker) = 0 THEN 'speaker'
                        WHEN grouping(dialogue_id) = 0 THEN 'dialogue' ELSE 'pair' END AS kind,
                    emotion, position, speaker, "text", vision, count(*) AS rows,
                    count(*) FILTER (seen) AS with_faces, count(*) FILTER (failed) AS errors
                FROM chosen
                GROUP BY GROUPING SETS ((emotion, position), (emotion, speaker), ("text", vision), (dialogue_id))
            )
            SELECT * FROM counted WHERE kind <> 'dialogue'
            UNION ALL SELECT 'dialogue', NULL, NULL, NULL, NULL, NULL, count(*), 0, 0 FROM counted
                WHERE kind = 'dialogue'
            """,
            values,
        )
        kinds = dict(iter(table.groupby("kind")))

        def counts(kind: str, *columns: str) -> pd.DataFrame:
            known = kinds.get(kind, table[:0]).dropna(subset=list(columns))
            return known[[*columns, "rows"]].sort_values(list(columns), ignore_index=True)

        position, speakers = counts("position", "position", "emotion"), counts("speaker", "speaker", "emotion")
        common = speakers.groupby("speaker")["rows"].sum().nlargest(SPEAKERS).index
        pairs = counts("pair", "text", "vision")
        whole = kinds.get("position", table[:0])
        totals = {name: int(whole[name].sum()) for name in ("rows", "with_faces", "errors")}
        return Overview(
            totals={
                **totals,
                "dialogues": int(kinds["dialogue"]["rows"].iloc[0]),
                "disagreements": int(pairs["rows"][pairs["text"] != pairs["vision"]].sum()),
            },
            emotions=position.groupby("emotion")["rows"].sum().reset_index(),
            by_position=position.astype({"position": int}),
            by_speaker=speakers[speakers["speaker"].isin(common)],
            pairs=pairs,
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
            f"SELECT {names}, {certainty(chosen.model)} AS certainty, face_count, error FROM scores WHERE {where} {by}"
            f" LIMIT {int(limit)}",
            values,
        )

    def speakers(self, limit: int = 200) -> list[str]:
        """The commonest speakers."""
        if "speaker" not in self.columns:
            return []
        query = "SELECT speaker FROM scores WHERE speaker IS NOT NULL GROUP BY speaker ORDER BY count(*) DESC, speaker"
        return [str(name) for name in self._ask(f"{query} LIMIT {int(limit)}")["speaker"]]

    def export(self, chosen: Selection, path: Path) -> None:
        """Write all selected rows with all their columns to a new file, .csv or .parquet. Raises FileExistsError."""
        where, values = self.where(chosen)
        options = {".csv": "FORMAT csv, HEADER", ".parquet": "FORMAT parquet, COMPRESSION zstd"}[path.suffix]
        path.touch(exist_ok=False)
        name = str(path).replace("'", "''")
        self._cursor().execute(f"COPY (SELECT * FROM scores WHERE {where}) TO '{name}' ({options})", values)

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
