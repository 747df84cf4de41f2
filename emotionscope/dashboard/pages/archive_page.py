"""Page "Archive": what is in it, how emotions are spread, and any selection of it as a table and a file."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from emotionscope.dashboard import charts, drawing, filters, markup, saving, shared
from emotionscope.dashboard.queries.archive import GROUP, POSITIONS, Archive
from emotionscope.dashboard.queries.overview import Overview, Totals
from emotionscope.dashboard.queries.selection import FACE_COUNT, Selection
from emotionscope.evaluation.evaluation import THIN
from emotionscope.labels import MODELS
from emotionscope.storage.place import JsonObject

SHOWN = 500  # rows of the table
MORE = (12, 50, 200)  # speakers to choose from
WIDTHS = {
    "utterance": 340,
    "certainty": 100,
    "emotion": 80,
    "utterance_id": 70,
    "error": 160,
    "dialogue_id": 170,
}  # pixels


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    begun = filters.begin_page(sources, "Archive")
    if begun is None:
        return
    archive, chosen = begun
    speakers = _speakers_shown()
    overview = _count(archive, chosen, speakers)
    _totals(overview.totals)
    if not overview.totals.rows:
        st.warning("No utterance passes all filters. Loosen one of them in the side bar.")
        return
    # One emotion alone would be 100% of every chart: they show all of them and mark the chosen ones.
    around = _count(archive, replace(chosen, emotions=()), speakers) if chosen.emotions else overview
    st.html(markup.legend())
    _charts(around, overview.pairs, chosen, filters.told(archive, chosen, sources))
    _table(archive, chosen, overview.totals.rows, sources)


@st.cache_data(show_spinner=False, max_entries=100, hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _count(archive: Archive, chosen: Selection, speakers: int) -> Overview:
    return archive.overview(chosen, speakers)


def warm(archive: Archive) -> None:
    """Count what the first visitor will see."""
    filters.warm(archive)
    overview = _count(archive, Selection(), MORE[0])
    charts.spread(overview.emotions).to_dict()  # for which altair loads its parts
    archive.rows(Selection(), limit=SHOWN)


def _totals(totals: Totals) -> None:
    names = {
        "Utterances": totals.rows,
        "Dialogues": totals.dialogues,
        "With faces": totals.with_faces,
        "Text ≠ vision": totals.disagreements,
        "Errors": totals.errors,
    }
    shared.show_counts(names)


def _charts(overview: Overview, pairs: pd.DataFrame, chosen: Selection, told: Sequence[str]) -> None:
    if chosen.emotions:
        st.caption("The first three charts show all emotions; those that are not chosen are pale.")
    left, right = st.columns(2)
    with left:
        st.header("Emotions")
        chart = charts.spread(overview.emotions, chosen.emotions)
        drawing.draw(chart, "emotions", _pick_emotion, "Emotions", told)
    with right:
        st.header("In the course of a dialogue")
        chart = charts.over_time(overview.by_position, chosen.emotions)
        drawing.draw(chart, "course", _pick_position, "Emotions in the course of a dialogue", told)
        _caption_thin(overview.by_position, "position")
    # Many speakers, or those of an archive without faces, would have an empty half beside them.
    half, other = st.columns(2) if len(pairs) and _speakers_shown() == MORE[0] else (st.container(), st.container())
    with half:
        st.header("By speaker")
        _by_speaker(overview, chosen, told)
    with other:
        _disagreements(pairs, told)


def _by_speaker(overview: Overview, chosen: Selection, told: Sequence[str]) -> None:
    if overview.by_speaker.empty:
        st.caption("The archive has no names of speakers.")
        return
    chart = charts.by_speaker(overview.by_speaker, chosen.emotions)
    drawing.draw(chart, "speakers", _pick_speaker, "Emotions by speaker", told)
    shown = overview.by_speaker["speaker"].nunique()
    if overview.speakers > MORE[0]:
        st.caption(f"{shown:,} of {overview.speakers:,} speakers, those with the most utterances.")
        st.segmented_control("Speakers shown", MORE, default=MORE[0], required=True, key="speakers", bind=filters.BOUND)
    _caption_thin(overview.by_speaker, "speaker")


def _speakers_shown() -> int:
    """How many speakers the visitor asks for, below the chart or in the address."""
    asked = st.session_state.get("speakers") or st.query_params.get("speakers", "")
    return next((each for each in MORE if str(each) == str(asked)), MORE[0])


def _caption_thin(table: pd.DataFrame, by: str) -> None:
    if charts.is_thin(table, by).any():
        st.caption(f"Outlined: fewer than {THIN} utterances, so the shares may be chance.")


def _disagreements(pairs: pd.DataFrame, told: Sequence[str]) -> None:
    st.header("Where text and vision disagree")
    differing = pairs[pairs["text"] != pairs["vision"]]
    rows = int(pairs["rows"].sum())
    if not rows:
        st.caption("No utterance has both a text and a face.")
        return
    agreeing = rows - int(differing["rows"].sum())
    if not differing.empty:
        chart = charts.squares(differing, "vision", "text", ("vision says", "text says"))
        drawing.draw(chart, "text-and-vision", _pick_pair, "Where text and vision disagree", told)
    st.caption(
        f"They agree on {agreeing:,} of {rows:,} utterances, which are left out. A stronger cell is a larger share of "
        f"its line; lines of fewer than {THIN} are grey."
    )


def _pick_emotion(mark: JsonObject) -> None:
    filters.toggle("emotion", mark["emotion"])


def _pick_speaker(mark: JsonObject) -> None:
    filters.toggle("speaker", mark["speaker"])
    filters.toggle("emotion", mark["emotion"])


def _pick_position(mark: JsonObject) -> None:
    first = GROUP * mark["position"]
    last = None if mark["position"] == POSITIONS - 1 else first + GROUP - 1
    filters.ask_range("utterance_id", first, last)
    filters.toggle("emotion", mark["emotion"])


def _pick_pair(mark: JsonObject) -> None:
    for model in ("text", "vision"):
        filters.ask(f"{model}_emotion", mark[model])


def _table(archive: Archive, chosen: Selection, rows: int, sources: shared.Sources) -> None:
    st.header("Utterances")
    first, second = st.columns([1, 3], vertical_alignment="bottom")
    orders = {"the archive's order": "", "certainty": "certainty", "speaker": "speaker", "text": "utterance",
              "emotion": f"{chosen.model}_emotion", "faces": FACE_COUNT}  # fmt: skip
    known = {name: column for name, column in orders.items() if column in ("", "certainty", *archive.columns)}
    order = first.selectbox("Sort by", list(known), key="sort", bind=filters.BOUND) or "the archive's order"
    descending = second.toggle("Largest first", key="largest", bind=filters.BOUND)
    shown = _speakers_shown()
    own = ({"speakers": str(shown)} if shown != MORE[0] else {}) | ({"sort": order} if known[order] else {})
    own |= {"largest": "true"} if descending else {}
    filters.keep(chosen, "Archive", **own)
    table = archive.rows(chosen, known[order], descending, SHOWN)
    titles = {"emotion": "label", **{f"{model}_emotion": model for model in MODELS}}
    widths = {
        name: st.column_config.Column(titles.get(name, name), width=WIDTHS.get(name, 90)) for name in table.columns
    }
    widths["certainty"] = st.column_config.ProgressColumn(
        "certainty", min_value=0, max_value=1, format="percent", width=WIDTHS["certainty"]
    )
    picked = st.dataframe(
        table, hide_index=True, column_config=widths, on_select="rerun", selection_mode="single-row", key="rows"
    )
    st.caption(f"{len(table):,} of {rows:,} utterances shown. Tick a row to open its dialogue.")
    saving.show_buttons(archive, chosen, rows, sources.exports)
    # What shows code is large, and is sent to those who open this.
    with st.expander("This selection as SQL for DuckDB", on_change="rerun", key="as-sql") as query:
        if query.open:
            st.code(archive.sql(chosen, sources.scores or ""), "sql", wrap_lines=True)
    shared.open_ticked(picked, table)
