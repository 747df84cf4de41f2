"""Queries to a faces table of any size: who is seen in a dialogue, when, and how they look."""

import duckdb
import pandas as pd

from emotionscope.dashboard.queries.parquet_view import ParquetView
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets

SIDES = tuple("xywh")
_NAMES = ("utterance_id", "video", "time", "person", "quality", "speaking")
NO_FACES = pd.DataFrame(columns=[*_NAMES, *SIDES, "emotion", "probability"])


class People:
    """A faces table."""

    def __init__(self, faces: str) -> None:
        """Raises UserError where it is missing, unfinished or another kind of table."""
        self.uri = faces
        self.connection = duckdb.connect(config={"memory_limit": "1GB"})
        self.connection.execute("SET parquet_metadata_cache = true")
        self.faces = ParquetView(self.connection, "faces", datasets.open_dataset(faces, "faces"))

    def highest(self, video: str) -> int:
        """The highest number of a person of a video; -1 where there is none."""
        cursor = self.connection.cursor()
        self.faces.register(cursor)
        person, own = self.faces.column("person"), self.faces.column("video")
        found = cursor.execute(f"SELECT max({person}) FROM faces WHERE {own} = ?", [video]).fetchone()
        return -1 if found is None or found[0] is None else int(found[0])

    def of_dialogue(self, dialogue_id: str) -> pd.DataFrame:
        """A dialogue's faces in order of time, as the table has them.

        The columns are utterance_id, video, time, person, quality, speaking, x, y, w and h (all four NA where unknown;
        a person is NA where nobody knows who it is), the likeliest emotion and its probability.
        """
        column = self.faces.column
        box = "box" in self.faces.columns
        shown = [f"{column(name)} AS {name}" for name in (*_NAMES, *EMOTIONS)]
        shown += [
            f"struct_extract({column('box')}, '{side}') AS {side}" if box else f"NULL AS {side}" for side in SIDES
        ]
        known = " AND ".join(f"{column(name)} IS NOT NULL" for name in ("utterance_id", "time", EMOTIONS[0]))
        cursor = self.connection.cursor()
        self.faces.register(cursor)
        query = f"SELECT {', '.join(shown)} FROM faces WHERE {column('dialogue_id')} = ? AND {known}"
        faces: pd.DataFrame = cursor.execute(f"{query} ORDER BY {column('time')}", [dialogue_id]).df()
        likely = faces[list(EMOTIONS)].astype(float)
        emotion = likely.idxmax(axis=1) if len(faces) else pd.Series(dtype=str)
        return faces.assign(emotion=emotion, probability=likely.max(axis=1)).drop(columns=list(EMOTIONS))
