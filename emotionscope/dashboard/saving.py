"""The buttons that save all selected rows: as a download, or to the server's disk where there are too many."""

import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from emotionscope.dashboard import filters, markup
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.exporting import XLSX_ROWS
from emotionscope.dashboard.queries.selection import Selection

LARGE = 200_000  # rows above which a file is too large to hold for a browser
KINDS = ("csv", "xlsx", "parquet")


def show_buttons(archive: Archive, chosen: Selection, rows: int, exports: str) -> None:
    """A file of each kind with the same rows, named after the filters."""
    name = filters.file_name(chosen)
    with st.container(horizontal=True, gap="small"):
        for kind in KINDS:
            if rows <= LARGE:
                content = partial(_content, archive, chosen, kind)
                st.download_button(kind.upper(), content, f"{name}.{kind}", key=f"save-{kind}", on_click="ignore")
            elif st.button(
                f"Save {kind.upper()}",
                key=f"save-{kind}",
                help="In the folder that --exports names.",
                disabled=kind == "xlsx" and rows > XLSX_ROWS,
            ):
                _save(archive, chosen, Path(exports, f"{name}-{datetime.now():%Y%m%d-%H%M%S}.{kind}"))
    st.caption(
        f"Each file holds all {rows:,} utterances with all columns. In CSV, a text that a spreadsheet would run as a "
        "formula has an apostrophe before it."
    )


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
        markup.say(f"{path} cannot be written: {error}", "error")
    else:
        markup.say(f"Written to {path}")
