"""Page "Groups": the emotions of any groups beside each other, such as speakers, episodes or minutes."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from emotionscope.dashboard import drawing, filters, group_charts, markup, shared
from emotionscope.dashboard.queries import grouping
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.grouping import Grouped
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.labels import EMOTIONS

MORE = (12, 50, 200)  # groups to choose from
EVERY, NOTHING = "all emotions", "nothing"
FIRST = (grouping.MINUTE, "speaker", "dialogue_id")  # the axis that a visitor finds, the first that there is


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    begun = filters.begin_page(sources, "Groups")
    if begun is None:
        return
    archive, chosen = begun
    axes = grouping.axes(archive)
    usual = next((axes.index(each) for each in FIRST if each in axes), 0)
    first, second, third, fourth = st.columns(4)
    across = first.selectbox("Groups by", axes, usual, key="across", bind=filters.BOUND) or axes[usual]
    others = [NOTHING, *(each for each in axes if each != grouping.MINUTE and not grouping.is_number(archive, each))]
    beside = second.selectbox("Side by side by", others, key="beside", bind=filters.BOUND) or NOTHING
    shown = third.selectbox("Show", [EVERY, *EMOTIONS], key="measure", bind=filters.BOUND) or EVERY
    most = fourth.selectbox("Groups at most", MORE, key="groups", bind=filters.BOUND) or MORE[0]
    own = {"across": across, "beside": beside, "measure": shown, "groups": str(most)}
    filters.keep(chosen, "Groups", **own)
    if chosen.emotions:
        st.caption("The filter by emotion is left out here: shares are of all utterances.")
    found = _count(archive, replace(chosen, emotions=()), across, None if beside == NOTHING else beside, most)
    if found.table.empty:
        st.warning("No utterance that passes all filters has a value in these columns.")
        return
    _draw(found, across, shown, filters.told(archive, chosen, sources))
    _tell(found)


@st.cache_data(show_spinner="Counting …", max_entries=100, hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _count(archive: Archive, chosen: Selection, across: str, beside: str | None, most: int) -> Grouped:
    return grouping.count(archive, chosen, across, beside, most)


def _draw(found: Grouped, across: str, shown: str, told: Sequence[str]) -> None:
    sides = group_charts.side_colours(found.table)
    if shown != EVERY:
        if len(sides) > 1:
            st.html(markup.legend(sides))
        chart = group_charts.with_intervals(found, across, shown, sides)
        drawing.draw(chart, "groups", None, f"Share of {shown} by {across}", told)
        st.caption("A bar is the 95% interval (Wilson); it takes the utterances as independent of each other.")
        return
    st.html(markup.legend())
    if not found.is_ordered:
        drawing.draw(group_charts.stacked(found, across), "groups", None, f"Emotions by {across}", told)
        return
    for number, side in enumerate(sides):
        part = replace(found, table=found.table[found.table["side"] == side].assign(side=""))
        if side:
            st.html(f"<h2>{markup.escape(side)}</h2>")
        title = f"Emotions by {across}" + (f": {side}" if side else "")
        drawing.draw(group_charts.stacked(part, across), f"groups-{number}", None, title, told)


def _tell(found: Grouped) -> None:
    groups = found.table["place"].nunique()
    if groups < found.groups:
        st.caption(f"{groups:,} of {found.groups:,} groups, those with the most utterances.")
    with st.expander("The figures as a table"):
        table: pd.DataFrame = found.table.drop(columns="place")
        shares = {name: 100 * table[name] for name in ("share", "least", "most")}
        formats = {name: st.column_config.NumberColumn(format="%.1f%%") for name in shares}
        st.dataframe(table.assign(**shares), hide_index=True, column_config=formats)
