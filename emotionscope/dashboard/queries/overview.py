"""What the archive page counts."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Totals:
    """Counts of rows and dialogues."""

    rows: int
    dialogues: int
    with_faces: int
    disagreements: int
    errors: int


@dataclass(frozen=True)
class Overview:
    """Counts of the selected rows.

    The tables have the column rows beside what they count by: emotion; position (of the group of utterances) and
    emotion; speaker (the commonest of all `speakers`) and emotion; text and vision (what each says, where both say
    something).
    """

    totals: Totals
    emotions: pd.DataFrame
    by_position: pd.DataFrame
    by_speaker: pd.DataFrame
    speakers: int
    pairs: pd.DataFrame
