"""Page "Shifts": how emotions change from one utterance to the next, and who changes them."""

import pandas as pd
import streamlit as st

from emotionscope.dashboard import charts, drawing, filters, shared
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.evaluation.evaluation import THIN
from emotionscope.storage.place import JsonObject

SPEAKERS = 20  # shown, those with the most shifts


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    begun = filters.begin_page(sources, "Shifts")
    if begun is None:
        return
    archive, chosen = begun
    steps = count(archive, chosen)
    shifts = steps[steps["previous"] != steps["emotion"]]
    if shifts.empty:
        st.warning("No utterance that passes all filters has another emotion than the one before it.")
        return
    total, changed = int(steps["rows"].sum()), int(shifts["rows"].sum())
    left, right = st.columns(2)
    with left:
        st.header("From what to what")
        pairs = shifts.groupby(["previous", "emotion"])[["rows"]].sum().reset_index()
        chart = charts.squares(pairs, "emotion", "previous", ("to", "from"))
        told = filters.told(archive, chosen, sources)
        drawing.draw(chart, "shifts", _pick, "Shifts from one utterance to the next", told)
        st.caption(
            f"The emotion changes in {changed:,} of {total:,} steps from one utterance of a dialogue to the next "
            f"({changed / total:.0%}). A stronger cell is a larger share of its line; lines of fewer than {THIN} are "
            "grey. Click a cell to see its utterances."
        )
    with right:
        st.header("By whom")
        _show_speakers(steps)


@st.cache_data(show_spinner="Counting …", max_entries=100, hash_funcs={Archive: lambda archive: archive.dataset.uri})
def count(archive: Archive, chosen: Selection) -> pd.DataFrame:
    """`Archive.shifts`, counted once for all visitors."""
    return archive.shifts(chosen)


def _show_speakers(steps: pd.DataFrame) -> None:
    """Who speaks the utterance with the new emotion."""
    known = steps.dropna(subset=["speaker"])
    if known.empty:
        st.caption("The archive has no names of speakers.")
        return
    moved = known[known["previous"] != known["emotion"]]
    table = pd.DataFrame({
        "shifts": moved.groupby("speaker")["rows"].sum(),
        "utterances": known.groupby("speaker")["rows"].sum(),
        "most often": moved.loc[moved.groupby("speaker")["rows"].idxmax()].set_index("speaker").pipe(_arrow),
    })  # fmt: skip
    table = table.dropna().astype({"shifts": int}).nlargest(SPEAKERS, "shifts")
    table.insert(2, "share", 100 * table["shifts"] / table["utterances"])
    st.dataframe(
        table,
        column_config={
            "speaker": st.column_config.Column(width=110),  # a long name would hide the counts
            "share": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d%%", width=100),
            "most often": st.column_config.Column(width=140),
        },
    )
    st.caption("Utterances with one before them, and how many change the emotion.")


def _arrow(row: pd.DataFrame) -> pd.Series:
    return row["previous"] + " → " + row["emotion"]


def _pick(mark: JsonObject) -> None:
    """Show the utterances of a cell on the archive page."""
    filters.put("emotion", mark["emotion"])
    filters.put("after", mark["previous"])
    shared.go_to("Archive", {})
