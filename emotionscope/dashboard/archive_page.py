"""Page "Archive": what is in it, how emotions are spread, and any selection of it as a table and a file."""

from functools import partial
from typing import Any, Literal

import streamlit as st

from emotionscope.dashboard import charts, parts
from emotionscope.dashboard.archive import Archive, Selection
from emotionscope.labels import EMOTIONS, MODELS

SHOWN = 500  # rows of the table
LARGE = 500_000  # rows above which a file is large for a browser


def show(sources: parts.Sources) -> None:
    """Draw the page."""
    st.title("Archive", help=sources.scores)
    archive = parts.open_archive(sources)
    if archive is None:
        return
    chosen = _filters(archive)
    totals = archive.totals(chosen)
    names = {"rows": "Utterances", "dialogues": "Dialogues", "with_faces": "With faces",
             "disagreements": "Text ≠ vision", "errors": "Errors"}  # fmt: skip
    for column, (key, name) in zip(st.columns(len(names)), names.items(), strict=True):
        column.metric(name, f"{totals[key]:,}")
    if not totals["rows"]:
        st.warning(
            "No utterance passes all filters. Loosen one of them in the side bar.", icon=":material/filter_alt_off:"
        )
        return
    _pictures(archive, chosen)
    _table(archive, chosen, totals["rows"])


def _filters(archive: Archive) -> Selection:
    with st.sidebar:
        st.header("Filters")
        model = st.selectbox("Model", MODELS, index=MODELS.index("fused"), help="Whose emotion and certainty count.")
        return Selection(
            model=model,
            emotions=tuple(st.multiselect("Emotion", EMOTIONS)),
            speakers=tuple(st.multiselect("Speaker", archive.speakers())) if "speaker" in archive.columns else (),
            certainty=st.slider("Certainty at least", 0, 100, 0, 5, format="%d%%") / 100,
            search=st.text_input("Text contains").strip(),
            disagreement=st.checkbox("Text and vision disagree"),
            error=st.checkbox("With an error"),
        )


def _pictures(archive: Archive, chosen: Selection) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Emotions")
        st.altair_chart(charts.spread(archive.spread(chosen)), width="stretch")
    with right:
        st.subheader("In the course of a dialogue")
        st.altair_chart(charts.over_time(archive.spread(chosen, "position")), width="stretch")
    left, right = st.columns(2)
    with left:
        st.subheader("By speaker")
        speakers = archive.spread(chosen, "speaker") if "speaker" in archive.columns else None
        if speakers is None or speakers.empty:
            st.caption("The archive names no speakers.")
        else:
            st.altair_chart(charts.by_speaker(speakers), width="stretch")
    with right:
        st.subheader("Where text and vision disagree")
        both = archive.disagreement(chosen)
        if both.empty:
            st.caption("No utterance has both a text and a face.")
        else:
            st.altair_chart(charts.squares(both, "vision", "text", ("vision says", "text says")), width="stretch")


def _table(archive: Archive, chosen: Selection, rows: int) -> None:
    st.subheader("Utterances")
    first, second, csv, parquet = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    orders = {"the archive's order": "", "certainty": "certainty", "speaker": "speaker", "text": "utterance",
              "emotion": f"{chosen.model}_emotion", "faces": "faces"}  # fmt: skip
    known = {name: column for name, column in orders.items() if column in ("", "certainty", *archive.columns)}
    order = first.selectbox("Sort by", known)
    descending = second.toggle("Largest first", value=False)
    table = archive.rows(chosen, known[order], descending, SHOWN)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "certainty": st.column_config.ProgressColumn("certainty", min_value=0, max_value=1, format="percent")
        },
    )
    st.caption(f"{len(table):,} of {rows:,} utterances shown; files hold all {rows:,}.")
    if rows > LARGE:
        st.caption("So many rows make a large file: a filter, or DuckDB on the archive itself, may serve better.")
    kinds: tuple[tuple[Any, Literal["csv", "parquet"]], ...] = ((csv, "csv"), (parquet, "parquet"))
    for place, kind in kinds:
        place.download_button(
            {"csv": "CSV", "parquet": "Parquet"}[kind],
            data=partial(archive.export, chosen, kind),
            file_name=f"selection.{kind}",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
