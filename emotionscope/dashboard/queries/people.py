"""Queries to a faces table of any size: who is seen in a dialogue, when, and how they look."""

import duckdb
import pandas as pd

from emotionscope.dashboard.queries.parquet_view import ParquetView
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets


class People:
    """A faces table."""

    def __init__(self, faces: str) -> None:
        """Raises UserError where it is missing, unfinished or another kind of table."""
        self.connection = duckdb.connect(config={"memory_limit": "1GB"})
        self.connection.execute("SET parquet_metadata_cache = true")
        self.faces = ParquetView(self.connection, "faces", datasets.open_dataset(faces, "faces"))

    def of_dialogue(self, dialogue_id: str) -> pd.DataFrame:
        """A dialogue's faces in order of time: utterance_id, video, time, person, emotion and its probability."""
        column = self.faces.column
        names = ["utterance_id", "video", "time", "person", *EMOTIONS]
        shown = ", ".join(f"{column(name)} AS {name}" for name in names)
        known = " AND ".join(f"{column(name)} IS NOT NULL" for name in ("utterance_id", "time", "person", EMOTIONS[0]))
        cursor = self.connection.cursor()
        self.faces.register(cursor)
        query = f"SELECT {shown} FROM faces WHERE {column('dialogue_id')} = ? AND {known} ORDER BY {column('time')}"
        faces: pd.DataFrame = cursor.execute(query, [dialogue_id]).df()
        if faces.empty:
            return faces.reindex(columns=[*names[:4], "emotion", "probability"])
        likely = faces[list(EMOTIONS)]
        return faces.assign(emotion=likely.idxmax(axis=1), probability=likely.max(axis=1)).drop(columns=list(EMOTIONS))
