"""What has been judged on the page "Review": the answers, how far reviewers agree, conflicts, and labels as a file."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from emotionscope.dashboard import markup, shared
from emotionscope.dashboard.queries import agreement, reviews
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.reviews import Review
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.labels import MODELS, canonical

SHOWN = 100  # reviews and conflicts in a table


def reveal(archive: Archive, key: tuple[str, int], said: Sequence[Review]) -> None:
    """What everybody says of an utterance: its reviewers, the models, and its label."""
    rows = archive.dialogue(key[0])
    row = rows[rows["utterance_id"] == key[1]].iloc[0]
    utterance = Utterance.of(row.to_dict())
    chips = [markup.chip(review.reviewer, review.emotion) for review in said]
    chips += [markup.chip(model, *(utterance.likeliest(model) or (None,))) for model in MODELS]
    if utterance.label:
        chips.append(markup.chip("label", canonical(utterance.label) or utterance.label))
    words = markup.escape(utterance.text or "no text")
    with st.container(border=True):
        st.html(f'<div class="revealed"><p class="plain">Judged: {words}</p>{"".join(chips)}</div>')
        shared.link_to_dialogue(key)


def show(archive: Archive, done: Sequence[Review], reviewer: str) -> None:
    """Counts, agreement, conflicts, the last reviews, and the labels as a file.

    Answers are shown only of utterances that this reviewer has judged, so that the others can still be judged blind.
    """
    st.header("Judged so far")
    if not done:
        st.caption("Nothing yet. Each review is stored as a file of its own beside the scores.")
        return
    right, split = agreement.right(done), agreement.conflicts(done)
    shared.show_counts({
        "Utterances": len({review.key for review in done}),
        "Reviews": len(done),
        "Reviewers": len({review.reviewer for review in done}),
        "Conflicts": len(split),
    })  # fmt: skip
    _show_agreement(done)
    own = [review for review in done if review.reviewer == reviewer]
    _show_conflicts({review.key: split[review.key] for review in own if review.key in split})
    _show_reviews(own)
    st.download_button(
        "Labels for training", partial(_labels, archive, right), "reviewed-labels.parquet", on_click="ignore"
    )
    st.caption(
        f"{len(right):,} utterances with the emotion that most of their reviewers gave; ties are left out. It is a "
        "table that train_text takes, and train_vision and fit_fusion where the pages show keyframes; it keeps each "
        "utterance in its split."
    )


def _show_agreement(done: Sequence[Review]) -> None:
    found = agreement.agreements(done)
    if not found:
        return
    st.header("Agreement")
    table = pd.DataFrame([vars(each) for each in found])
    table["share"] *= 100
    st.dataframe(
        table.rename(columns={"first": "reviewer", "second": "and", "n": "utterances", "kappa": "Cohen's kappa"}),
        hide_index=True,
        column_config={
            "share": st.column_config.ProgressColumn("agree", min_value=0, max_value=100, format="%d%%"),
            "Cohen's kappa": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    st.caption(
        "On the utterances that both gave an emotion. Cohen's kappa is 1 where they always agree and 0 where they "
        "agree as often as chance would; it is empty where both gave one emotion throughout."
    )


def _show_conflicts(split: dict[tuple[str, int], list[Review]]) -> None:
    if not split:
        return
    st.header("Conflicts")
    rows = [(*key, ", ".join(_told(review) for review in each)) for key, each in list(split.items())[:SHOWN]]
    table = pd.DataFrame(rows, columns=["dialogue_id", "utterance_id", "answers"])
    picked = st.dataframe(table, hide_index=True, on_select="rerun", selection_mode="single-row", key="conflicts")
    st.caption(f"{len(rows):,} of {len(split):,} that you judged, too. Tick a row to open its dialogue.")
    shared.open_ticked(picked, table)


def _told(review: Review) -> str:
    return f"{review.reviewer}: {review.emotion or 'cannot be told'}"


def _show_reviews(own: Sequence[Review]) -> None:
    """What this reviewer said."""
    if not own:
        return
    told = [review for review in own if review.emotion]
    wrong = sum(review.answer != review.emotion for review in told)
    with st.expander(f"Your last {min(len(own), SHOWN)} answers"):
        unknown = len(own) - len(told)
        st.caption(f"{wrong:,} of {len(told):,} differ from the fused answer; {unknown:,} cannot be told.")
        table = pd.DataFrame([vars(review) for review in reversed(own[-SHOWN:])])
        st.dataframe(table.drop(columns=["reviewer", "withdrawn"]), hide_index=True)


def _labels(archive: Archive, right: dict[tuple[str, int], str]) -> bytes:
    table = reviews.labels(right, archive.take(list(right)))
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression="zstd")
    return bytes(file.getvalue())
