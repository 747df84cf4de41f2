"""Page "Summaries": what `summarise` counted by dialogue, speaker, person and time."""

import pandas as pd
import streamlit as st

from emotionscope.dashboard import charts, drawing, filters, group_charts, markup, shared
from emotionscope.dashboard.queries import summaries
from emotionscope.dashboard.queries.grouping import Grouped
from emotionscope.errors import UserError

MORE = (12, 50, 200)  # groups to choose from


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    st.title("Summaries")
    folder = sources.summaries or ""
    try:
        names = summaries.names(folder)
        first, second = st.columns(2)
        name = first.selectbox("Table", names, key="table", bind=filters.BOUND) or names[0]
        most = second.selectbox("Groups at most", MORE, key="groups", bind=filters.BOUND) or MORE[0]
        shared.keep_address("Summaries", {"table": [name], "groups": [str(most)]})
        table = _read(folder, name)
    except UserError as error:
        markup.say(str(error), "error")
        return
    told = [f"{sources.name}: summaries, table {name}"]
    if "next_emotion" in table:
        _show_transitions(table, told)
    else:
        _show_shares(table, name, most, told)
    st.header("The table")
    st.dataframe(table, hide_index=True)
    st.caption(f"It lies in the folder of the summaries as {name}.parquet and {name}.csv.")


@st.cache_data(show_spinner="Reading …", max_entries=20)
def _read(folder: str, name: str) -> pd.DataFrame:
    return summaries.read(folder, name)


def _show_shares(table: pd.DataFrame, name: str, most: int, told: list[str]) -> None:
    shares = summaries.shares(table, most)
    if shares.empty:
        return
    st.html(markup.legend())
    chart = group_charts.stacked(Grouped(shares.assign(share=shares["rows"] / shares["of"]), len(table), False), name)
    drawing.draw(chart, f"summary-{name}", None, f"Emotions by {name}", told)
    if len(table) > most:
        st.caption(f"{most:,} of {len(table):,} groups, those with the most rows.")


def _show_transitions(table: pd.DataFrame, told: list[str]) -> None:
    """How often each emotion follows each, for each kind of pair."""
    for pair, rows in table.groupby("pair", sort=False):
        st.header(str(pair).replace("_", " ").capitalize())
        grid = rows.rename(columns={"pairs": "rows"})[["emotion", "next_emotion", "rows"]]
        if not grid["rows"].sum():
            st.caption("No such pair.")
            continue
        chart = charts.squares(grid, "next_emotion", "emotion", ("next", "emotion"), clickable=False)
        drawing.draw(chart, f"transitions-{pair}", None, f"From one emotion to the next: {pair}", told)
