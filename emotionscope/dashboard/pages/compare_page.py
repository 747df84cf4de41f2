"""Page "Compare": two scores tables of one archive, such as of two bundles."""

import pandas as pd
import streamlit as st

from emotionscope.dashboard import filters, markup, shared
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.errors import UserError
from emotionscope.evaluation import rows
from emotionscope.evaluation.comparison import CHANGES, Comparison, compare
from emotionscope.tables import datasets

MOST = 2_000_000  # rows compared while somebody waits


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    st.title("Compare")
    archive = shared.open_archive(sources)
    if archive is None or not sources.against:
        return
    if archive.dataset.rows > MOST:
        st.info(f"The archive has over {MOST:,} rows: compare with `emotionscope compare`.")
        return
    splits = archive.values("split")
    split = st.selectbox("Split", ["every row", *splits], key="within", bind=filters.BOUND) if splits else None
    shared.keep_address("Compare", {"within": [split]} if split in splits else {})
    try:
        found = _compare(archive, sources.against, split if split in splits else None)
    except UserError as error:
        markup.say(str(error), "error")
        return
    before, after = (", ".join(versions) or "unknown" for versions in found.bundles)
    st.html(f'<p class="plain">Before: bundle {markup.escape(before)}. Now: bundle {markup.escape(after)}.</p>')
    _show_totals(found)
    if found.models:
        _show_models(found)
    if found.changes:
        _show_changes(found)


@st.cache_data(show_spinner="Comparing …", hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _compare(archive: Archive, against: str, split: str | None) -> Comparison:
    before = datasets.read(datasets.open_dataset(against, "scores"), rows.COLUMNS)
    after = datasets.read(archive.dataset, rows.COLUMNS)
    if split is None and "split" in after.column_names:
        after = after.drop_columns("split")  # which would choose its test rows
    return compare(before, after, split)


def _show_totals(found: Comparison) -> None:
    names = {
        "Utterances in both": found.rows,
        "Changed answers": found.changed,
        "Became right": found.fixed,
        "Became wrong": found.broken,
        "In one table alone": sum(found.only),
    }
    shared.show_counts(names)


def _show_models(found: Comparison) -> None:
    st.header("Weighted F1")
    table = pd.DataFrame(
        {
            model: {
                "rows": f"{pair.n:,}",
                "before": f"{pair.before:.3f}",
                "now": f"{pair.after:.3f}",
                "difference": f"{pair.difference.weighted_f1:+.3f}",
                "95% interval": "{:+.3f} to {:+.3f}".format(*pair.difference.interval),
            }
            for model, pair in found.models.items()
        }
    ).T
    st.dataframe(table)
    st.caption("On the labelled rows that the model answered in both tables. The intervals are paired.")


def _show_changes(found: Comparison) -> None:
    st.header("Fused answers that changed")
    table = pd.DataFrame([vars(change) for change in found.changes])
    table = table[["utterance", "before", "after", "emotion", "speaker", "dialogue_id", "utterance_id", "shift"]]
    picked = st.dataframe(
        table.rename(columns={"after": "now", "emotion": "label"}),
        hide_index=True,
        column_config={
            "utterance": st.column_config.Column(width=340),
            "shift": st.column_config.ProgressColumn("moved", min_value=0, max_value=1, format="percent"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="changes",
    )
    st.caption(
        f"{len(table):,} of {found.changed:,}, at most {CHANGES}, those first whose probabilities moved most. "
        "Tick a row to open its dialogue."
    )
    shared.open_ticked(picked, table)
