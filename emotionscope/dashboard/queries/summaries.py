"""The summary tables that `summarise` has written."""

import io

import pandas as pd

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables.manifest import SUMMARY

KEYS = (
    "dialogue_id",
    "speaker",
    "video",
    "span_start",
    "person",
    "identity",
    "name",
)  # what tables are grouped by, in order


def names(folder: str) -> list[str]:
    """The names of the tables in a folder, as the job lists them. Raises UserError where it holds none."""
    try:
        summary = (Place(folder) / SUMMARY).read_json()
    except FileNotFoundError as error:
        raise UserError(f"{folder} holds no finished summaries; make them by `emotionscope summarise`") from error
    except ValueError as error:
        raise UserError(f"{folder}: {SUMMARY} is damaged ({error})") from error
    if not isinstance(summary, dict) or summary.get("job") != "summarise":
        raise UserError(f"{folder} is not what summarise writes")
    return sorted(summary["tables"])


def read(folder: str, name: str) -> pd.DataFrame:
    """A table by its name. Raises UserError where it cannot be read."""
    try:
        return pd.read_parquet(io.BytesIO((Place(folder) / f"{name}.parquet").read_bytes()))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}/{name}.parquet cannot be read: {error}") from error


def shares(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The `most` common groups of a table with shares: the columns place, group, side (empty), emotion, rows, of.

    Empty for a table of another kind, such as one of transitions.
    """
    if "scored" not in table:
        return pd.DataFrame(columns=["place", "group", "side", "emotion", "rows", "of"])
    keys = [key for key in KEYS if key in table]
    kept = table.nlargest(most, "scored")
    group = [" · ".join(str(key) for key in row if not pd.isna(key)) for row in kept[keys].itertuples(index=False)]
    wide = kept[[f"{emotion}_share" for emotion in EMOTIONS]].mul(kept["scored"], axis=0).round()
    wide.columns = pd.Index(EMOTIONS)
    wide = wide.assign(group=group, place=range(len(wide)), of=kept["scored"], side="")
    return wide.melt(["place", "group", "side", "of"], list(EMOTIONS), "emotion", "rows")
