"""Queries to a scores table of any size, answered by DuckDB without loading it whole."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import pandas as pd
import pyarrow as pa

from emotionscope.dashboard.queries import exporting
from emotionscope.dashboard.queries.overview import Overview, Totals
from emotionscope.dashboard.queries.parquet_view import ParquetView, quote
from emotionscope.dashboard.queries.selection import FACE_COUNT, Selection, condition, literal, previous, split
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.tables.contracts import KEY
from emotionscope.video.faces import Face

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk
POSITIONS = 12  # groups of utterances in the course of a dialogue
GROUP = 3  # utterances in one of them
SPEAKERS = 12
MOST_VALUES = 200  # of a column, offered to choose from


ReviewOrder = Literal["least certain", "most at odds"]


class Archive:
    """A scores table, and the keyframes it was made from where they are given."""

    def __init__(self, scores: str, keyframes: str | None = None) -> None:
        """Raises UserError where one of the tables is missing, unfinished or another kind of table."""
        self.dataset = datasets.open_dataset(scores, "scores")
        self.connection = duckdb.connect(config={"memory_limit": MEMORY})
        self.connection.execute("SET parquet_metadata_cache = true")  # of thousands of files, needed by every query
        self.scores = ParquetView(self.connection, "scores", self.dataset)
        self.columns = self.scores.columns
        self.keyframes: ParquetView | None = None
        if keyframes:
            self.keyframes = ParquetView(self.connection, "keyframes", datasets.open_dataset(keyframes, "keyframes"))

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor for one query: Streamlit serves several people from threads."""
        cursor = self.connection.cursor()
        for view in (self.scores, self.keyframes):
            if view is not None:
                view.register(cursor)
        return cursor

    def _query(self, query: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        table: pd.DataFrame = self._cursor().execute(query, list(parameters)).df()
        return table

    def _where(self, chosen: Selection) -> tuple[str, list[object]]:
        """The filters as SQL and its parameters."""
        values: list[object] = []

        def mark(value: object) -> str:
            values.append(value)
            return "?"

        return condition(chosen, self.scores.column, mark), values

    def sql(self, chosen: Selection, uri: str) -> str:
        """A query for the selected rows of the table at `uri` that DuckDB runs by itself."""
        return f"WITH scores AS (\n    {self.scores.source(uri)}\n)\nSELECT * FROM scores\nWHERE " + (
            condition(chosen, self.scores.column, literal)
        ).removeprefix("true AND ")

    def overview(self, chosen: Selection, speakers: int = SPEAKERS) -> Overview:
        """All that the page counts, in one pass over the archive, with the commonest `speakers`."""
        counted = self._counts(chosen)
        kinds = dict(iter(counted.groupby("kind")))

        def counts(kind: str, *columns: str) -> pd.DataFrame:
            known = kinds.get(kind, counted[:0]).dropna(subset=list(columns))
            return known[[*columns, "rows"]].sort_values(list(columns), ignore_index=True)

        position, spoken = counts("position", "position", "emotion"), counts("speaker", "speaker", "emotion")
        by_speaker = spoken.groupby("speaker")["rows"].sum()
        common = by_speaker.nlargest(speakers).index
        pairs = counts("pair", "text", "vision")
        whole = kinds.get("position", counted[:0])
        return Overview(
            totals=Totals(
                rows=int(whole["rows"].sum()),
                dialogues=int(kinds["dialogue"]["rows"].iloc[0]),
                with_faces=int(whole["with_faces"].sum()),
                disagreements=int(pairs["rows"][pairs["text"] != pairs["vision"]].sum()),
                errors=int(whole["errors"].sum()),
            ),
            emotions=counts("position", "emotion").groupby("emotion")["rows"].sum().reset_index(),
            by_position=position.astype({"position": int}),
            by_speaker=spoken[spoken["speaker"].isin(common)],
            speakers=len(by_speaker),
            pairs=pairs,
        )

    def _counts(self, chosen: Selection) -> pd.DataFrame:
        """Rows by `kind` of group: position and emotion, speaker and emotion, text and vision; and all dialogues."""
        where, values = self._where(chosen)
        column = self.scores.column
        return self._query(
            f"""
            WITH chosen AS (
                SELECT {column(f"{chosen.model}_emotion")} AS emotion,
                    CASE WHEN {column("utterance_id")} IS NOT NULL -- which `least` would pass over
                        THEN greatest(least({column("utterance_id")} // {GROUP}, {POSITIONS - 1}), 0) END AS position,
                    {self._speaker()} AS speaker, {column("text_emotion")} AS "text",
                    {column("vision_emotion")} AS vision, {column("dialogue_id")} AS dialogue_id,
                    {column(FACE_COUNT)} > 0 AS seen, {column("error")} IS NOT NULL AS failed
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

    def rows(self, chosen: Selection, order: str = "", descending: bool = False, limit: int = 500) -> pd.DataFrame:
        """The first selected rows, in the archive's order or by a column; what matters most stands first."""
        where, values = self._where(chosen)
        others = [f"{model}_emotion" for model in MODELS if model != chosen.model]
        names = ["utterance", f"{chosen.model}_emotion", "certainty", *others, "emotion", "speaker", *KEY]
        names += [FACE_COUNT, "error"]
        expressions = {name: self.scores.column(name) for name in names if name in self.columns}
        expressions["certainty"] = self._certainty(chosen.model)
        by = f"ORDER BY {expressions[order]} {'DESC' if descending else 'ASC'} NULLS LAST" if order else ""
        shown = ", ".join(f"{expressions[name]} AS {quote(name)}" for name in names if name in expressions)
        return self._query(f"SELECT {shown} FROM scores WHERE {where} {by} LIMIT {int(limit)}", values)

    def keys(
        self, chosen: Selection, order: ReviewOrder, limit: int, among: Iterable[tuple[str, int]] | None = None
    ) -> list[tuple[str, int]]:
        """The keys of selected rows that the selection's model answered, those first that would teach most.

        With `among` only those of these utterances.
        """
        where, values = self._where(chosen)
        cursor = self._cursor()
        column = self.scores.column
        differences = [f"abs({column(f'text_{name}')} - {column(f'vision_{name}')})" for name in EMOTIONS]
        by = {"least certain": self._certainty(chosen.model), "most at odds": f"-({' + '.join(differences)})"}[order]
        key = ", ".join(map(column, KEY))
        where += f" AND {column(f'{chosen.model}_emotion')} IS NOT NULL AND {column('utterance_id')} IS NOT NULL"
        if among is not None:
            cursor.register("wanted", _keys_table(among))
            where += f" AND ({key}) IN (SELECT d, u FROM wanted)"
        found = cursor.execute(
            f"SELECT {key} FROM scores WHERE {where} ORDER BY {by} NULLS LAST, {key} LIMIT {int(limit)}", values
        )
        return [(str(dialogue), int(utterance)) for dialogue, utterance in found.fetchall()]

    def take(self, keys: Sequence[tuple[str, int]]) -> pa.Table:
        """The rows of some utterances as they lie in the keyframes, or without these in the scores."""
        view = self.keyframes or self.scores
        dialogue, utterance = map(view.column, KEY)
        cursor = self._cursor()
        cursor.register("wanted", _keys_table(keys))
        query = f"SELECT * FROM {view.name} WHERE ({dialogue}, {utterance}) IN (SELECT d, u FROM wanted)"
        table: pa.Table = cursor.sql(query).to_arrow_table()
        return table.rename_columns(view.columns)

    def _certainty(self, model: str) -> str:
        """The probability of a model's likeliest emotion, as SQL."""
        return f"greatest({', '.join(map(self.scores.column, probability_columns(model)))})"

    def _speaker(self) -> str:
        """The speaker as SQL; a blank is none."""
        column = self.scores.column("speaker", "NULL::VARCHAR")
        return f"CASE WHEN trim(CAST({column} AS VARCHAR)) <> '' THEN {column} END"

    def values(self, name: str) -> list[str]:
        """The commonest values of a column as text, the commonest first; none where the table lacks it."""
        if name not in self.columns:
            return []
        value = split(self.scores.column) if name == "split" else f"CAST({self.scores.column(name)} AS VARCHAR)"
        query = f"SELECT {value} AS value FROM scores WHERE trim(value) <> '' GROUP BY 1"
        return [str(each) for each in self._query(f"{query} ORDER BY count(*) DESC, 1 LIMIT {MOST_VALUES}")["value"]]

    def shifts(self, chosen: Selection) -> pd.DataFrame:
        """Counts of `previous` and `emotion`, of one utterance and the one before in its dialogue, by `speaker`.

        The emotions are those of the selection's model, and the later utterance passes its filters.
        """
        where, values = self._where(chosen)
        column = self.scores.column
        emotion, dialogue = column(f"{chosen.model}_emotion"), column("dialogue_id")
        before = previous(chosen.model, column)
        if self.is_in_order:
            before = f"CASE WHEN lag({dialogue}) OVER () = {dialogue} THEN lag({emotion}) OVER () END"
        return self._query(
            f"""
            SELECT previous, emotion, speaker, count(*) AS rows FROM (
                SELECT {before} AS previous, {emotion} AS emotion,
                    {self._speaker()} AS speaker, {where} AS chosen FROM scores
            ) WHERE chosen AND previous IS NOT NULL AND emotion IS NOT NULL GROUP BY ALL ORDER BY ALL
            """,
            values,
        )

    @cached_property
    def is_in_order(self) -> bool:
        """Whether each dialogue's rows lie together and in order, as `score` leaves them, so that none need be sorted.

        Not told of a table that is asked in S3, whose rows may come in any order.
        """
        if Place(self.dataset.uri).is_s3:
            return False
        dialogue, utterance = map(self.scores.column, KEY)
        query = f"""
            SELECT count(*) FILTER (before IS DISTINCT FROM dialogue) = count(DISTINCT dialogue)
                AND count(*) FILTER (before = dialogue AND last < number) = count(*) FILTER (before = dialogue)
            FROM (SELECT {dialogue} AS dialogue, {utterance} AS number, lag({dialogue}) OVER () AS before,
                lag({utterance}) OVER () AS last FROM scores)"""
        return bool(self._cursor().execute(query).fetchall()[0][0])

    def group(self, chosen: Selection, by: Mapping[str, str]) -> pd.DataFrame:
        """Counts of rows by expressions in SQL, under the names given, and by the emotion of the selection's model."""
        where, values = self._where(chosen)
        named = ", ".join(f"{sql} AS {quote(name)}" for name, sql in by.items())
        known = " AND ".join(f"{quote(name)} IS NOT NULL" for name in by)
        emotion = self.scores.column(f"{chosen.model}_emotion")
        inner = f"SELECT {named}, {emotion} AS emotion FROM scores WHERE {where}"
        where = f"{known} AND emotion IS NOT NULL"
        return self._query(f"SELECT *, count(*) AS rows FROM ({inner}) WHERE {where} GROUP BY ALL ORDER BY ALL", values)

    def range_of(self, chosen: Selection, sql: str) -> tuple[float | None, float | None, int, bool]:
        """The least and the greatest value of an expression of numbers, how many there are, and if all are whole."""
        where, values = self._where(chosen)
        query = f"""
            SELECT min(v)::DOUBLE, max(v)::DOUBLE, approx_count_distinct(v), coalesce(bool_and(v = floor(v)), false)
            FROM (SELECT {sql} AS v FROM scores WHERE {where})"""
        low, high, different, is_whole = self._cursor().execute(query, values).fetchall()[0]
        return low, high, int(different), bool(is_whole)

    def export(self, chosen: Selection, path: Path) -> None:
        """Write all selected rows with all their columns to a new .csv, .xlsx or .parquet. Raises FileExistsError."""
        where, values = self._where(chosen)
        write = {
            ".csv": exporting.write_csv,
            ".xlsx": exporting.write_xlsx,
            ".parquet": exporting.write_parquet,
        }[path.suffix]
        write(self._cursor(), self.scores, where, values, path)

    def dialogues(self, search: str = "", limit: int = 200) -> list[str]:
        """Ids of dialogues that contain `search`, whatever its case."""
        dialogue = self.scores.column("dialogue_id")
        query = f"SELECT DISTINCT {dialogue} AS dialogue FROM scores WHERE contains(lower({dialogue}), lower(?))"
        return [str(name) for name in self._query(f"{query} ORDER BY 1 LIMIT {int(limit)}", [search])["dialogue"]]

    def has_dialogue(self, dialogue_id: str) -> bool:
        """Whether a dialogue has any row."""
        query = f"SELECT 1 FROM scores WHERE {self.scores.column('dialogue_id')} = ? LIMIT 1"
        return not self._query(query, [dialogue_id]).empty

    def dialogue(self, dialogue_id: str) -> pd.DataFrame:
        """All rows of a dialogue with all columns, in order of utterance_id; rows without one are last."""
        column = self.scores.column
        query = f"SELECT * FROM scores WHERE {column('dialogue_id')} = ? ORDER BY {column('utterance_id')} NULLS LAST"
        table = self._query(query, [dialogue_id])
        table.columns = pd.Index(self.columns)
        # Integers where DuckDB gives floats for the sake of nulls.
        return table.astype({"utterance_id": "Int64"})

    def faces(self, dialogue_id: str) -> dict[int | None, list[Face]]:
        """The faces of a dialogue's utterances, in order of time, by utterance_id; none without keyframes."""
        if self.keyframes is None:
            return {}
        column = self.keyframes.column
        query = f"SELECT {column('utterance_id')}, {column('faces')} FROM keyframes WHERE {column('dialogue_id')} = ?"
        found = self._cursor().execute(f"{query} AND {column('faces')} IS NOT NULL", [dialogue_id])
        return dict(found.fetchall())


def _keys_table(keys: Iterable[tuple[str, int]]) -> pa.Table:
    """Keys of utterances as a table of d (dialogue) and u (utterance)."""
    keys = list(keys)
    return pa.table({"d": pa.array([key[0] for key in keys], pa.string()),
                     "u": pa.array([key[1] for key in keys], pa.int64())})  # fmt: skip
