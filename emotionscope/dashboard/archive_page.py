"""Page "Archive": what is in it, how emotions are spread, and any selection of it as a table and a file."""

import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from emotionscope.dashboard import charts, parts
from emotionscope.dashboard.archive import Archive, Overview, Selection
from emotionscope.labels import EMOTIONS, MODELS

SHOWN = 500  # rows of the table
LARGE = 200_000  # rows above which a file is too large to hold for a browser


def show(sources: parts.Sources) -> None:
    """Draw the page."""
    st.title("Archive", help=sources.scores)
    archive = parts.open_archive(sources)
    if archive is None:
        return
    chosen = _filters(archive)
    overview = archive.overview(chosen)
    totals = overview.totals
    names = {"rows": "Utterances", "dialogues": "Dialogues", "with_faces": "With faces",
             "disagreements": "Text ≠ vision", "errors": "Errors"}  # fmt: skip
    with st.container(horizontal=True, gap="large"):  # wraps where the screen is narrow
        for key, name in names.items():
            st.metric(name, f"{totals[key]:,}", width="content")
    if not totals["rows"]:
        st.warning(
            "No utterance passes all filters. Loosen one of them in the side bar.", icon=":material/filter_alt_off:"
        )
        return
    _pictures(overview)
    _table(archive, chosen, totals["rows"], sources)


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


def _pictures(overview: Overview) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Emotions")
        st.altair_chart(charts.spread(overview.emotions), width="stretch")
    with right:
        st.subheader("In the course of a dialogue")
        st.altair_chart(charts.over_time(overview.by_position), width="stretch")
    left, right = st.columns(2)
    with left:
        st.subheader("By speaker")
        if overview.by_speaker.empty:
            st.caption("The archive names no speakers.")
        else:
            st.altair_chart(charts.by_speaker(overview.by_speaker), width="stretch")
    with right:
        st.subheader("Where text and vision disagree")
        if overview.pairs.empty:
            st.caption("No utterance has both a text and a face.")
        else:
            grid = charts.squares(overview.pairs, "vision", "text", ("vision says", "text says"))
            st.altair_chart(grid, width="stretch")


def _table(archive: Archive, chosen: Selection, rows: int, sources: parts.Sources) -> None:
    st.subheader("Utterances")
    first, second, csv, parquet = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    orders = {"the archive's order": "", "certainty": "certainty", "speaker": "speaker", "text": "utterance",
              "emotion": f"{chosen.model}_emotion", "faces": "face_count"}  # fmt: skip
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
    for place, kind in ((csv, "csv"), (parquet, "parquet")):
        name = {"csv": "CSV", "parquet": "Parquet"}[kind]
        if rows <= LARGE:
            place.download_button(
                name,
                data=partial(_content, archive, chosen, kind),
                file_name=f"selection.{kind}",
                icon=":material/download:",
                on_click="ignore",
                width="stretch",
            )
        elif place.button(f"Save {name}", icon=":material/save:", width="stretch", help=f"To {sources.exports}"):
            _save(archive, chosen, Path(sources.exports, f"selection-{datetime.now():%Y%m%d-%H%M%S}.{kind}"))


def _content(archive: Archive, chosen: Selection, kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"selection.{kind}")
        archive.export(chosen, path)
        return path.read_bytes()


def _save(archive: Archive, chosen: Selection, path: Path) -> None:
    """Write a selection that is too large for a browser to where the dashboard runs."""
    try:
        with st.spinner("Writing …"):
            path.parent.mkdir(parents=True, exist_ok=True)
            archive.export(chosen, path)
    except OSError as error:
        st.error(f"{path} cannot be written: {error}", icon=":material/error:")
    else:
        st.success(f"Written to {path}", icon=":material/check:")
