"""The filters in the side bar, which are kept in the page's address, and the chips that show them."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import pyarrow as pa
import streamlit as st

from emotionscope.dashboard import markup, shared
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.selection import FACE_COUNT, ColumnFilter, Selection
from emotionscope.labels import EMOTIONS, MODELS

_PAGES = ("Archive", "Shifts", "Groups", "Review")  # the titles of those that have the filters
BOUND: Final = "query-params"
_MORE = ("after", "label", "wrong", "split", "faces", "errors", "column")  # keys of those that few visitors need
# Filters of their own; any other column of plain values can be chosen.
_OWN = ("utterance", "speaker", "emotion", "split", "error", FACE_COUNT)


@st.cache_data(show_spinner=False, hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _values(archive: Archive, name: str) -> list[str]:
    return archive.values(name)


def warm(archive: Archive) -> None:
    """Ask for what every page asks for."""
    for name in ("speaker", "bundle"):
        _values(archive, name)


def begin_page(sources: shared.Sources, title: str) -> tuple[Archive, Selection] | None:
    """Draw the head of a page with the filters; the archive and what they say, or None where no archive is open."""
    st.title(title)
    archive = shared.open_archive(sources)
    if archive is None:
        return None
    chosen = _choose(archive)
    keep(chosen, title)
    _show_chips(chosen)
    return archive, chosen


def _choose(archive: Archive) -> Selection:
    """What the widgets in the side bar say."""
    with st.sidebar:
        model = st.selectbox(
            "Model",
            MODELS,
            MODELS.index("fused"),
            help="The model whose emotions and certainty the filters use.",
            key="model",
            bind=BOUND,
        )
        common = Selection(
            model=model or "fused",
            emotions=_several("Emotion", EMOTIONS, "emotion"),
            speakers=_several("Speaker", _values(archive, "speaker"), "speaker", new=True),
            search=(st.text_input("Text contains", key="text", bind=BOUND) or "").strip(),
            certainty=st.slider("Certainty at least", 0, 100, 0, 5, format="%d%%", key="certainty", bind=BOUND) / 100,
            disagreement=st.checkbox("Text and vision disagree", key="disagree", bind=BOUND),
        )
        # They are drawn for those who open them or ask for one in the address: a visitor's first chart comes sooner.
        wanted = any(st.session_state.get(name) or name in st.query_params for name in _MORE)
        with st.expander("More filters", wanted, on_change="rerun", key="more-filters") as more:
            return _choose_more(archive, common) if more.open or wanted else common


def _choose_more(archive: Archive, common: Selection) -> Selection:
    """What the widgets say that few visitors need, and the common ones."""
    labelled = "emotion" in archive.columns
    return replace(
        common,
        after=_several("After an utterance of", EMOTIONS, "after", "The emotion of the utterance before."),
        labels=_several("Label", EMOTIONS if labelled else [], "label"),
        wrong=labelled and st.checkbox("Wrong answers only", key="wrong", bind=BOUND),
        splits=_several("Split", _values(archive, "split"), "split", new=True),
        # Not of whole numbers: Streamlit fails on an infinite one in the address.
        faces=int(st.number_input("Faces at least", 0.0, 1e6, 0.0, 1.0, "%.0f", key="faces", bind=BOUND)),
        error=st.checkbox("With an error", key="errors", bind=BOUND),
        columns=_column_filters(archive),
    )


def _several(
    title: str, options: list[str] | tuple[str, ...], key: str, explained: str | None = None, new: bool = False
) -> tuple[str, ...]:
    """Some of the options, or with `new` any text; nothing where there is no option."""
    if not options:
        return ()
    chosen = st.multiselect(title, options, key=key, help=explained, accept_new_options=new, bind=BOUND)
    return tuple(map(str, chosen))


def _column_filters(archive: Archive) -> tuple[ColumnFilter, ...]:
    """A filter for each column that the visitor asks for."""
    kinds = {field.name: _is_number(field.type) for field in archive.dataset.schema if _is_plain(field.type)}
    others = [name for name in kinds if name not in _OWN]
    return tuple(
        ColumnFilter(
            name,
            least=st.number_input(markup.label(f"{name} from"), value=None, key=f"from.{name}", bind=BOUND),
            most=st.number_input(markup.label(f"{name} to"), value=None, key=f"to.{name}", bind=BOUND),
        )
        if kinds[name]
        else ColumnFilter(name, _several(markup.label(name), _values(archive, name), f"in.{name}", new=True))
        for name in _several("Filter by another column", others, "column")
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def address(chosen: Selection) -> dict[str, list[str]]:
    """The filters as they stand in a page's address."""
    ranges = {
        f"{end}.{each.column}": [f"{value:g}"]
        for each in chosen.columns
        for end, value in (("from", each.least), ("to", each.most))
        if value is not None
    }
    flags = {"wrong": chosen.wrong, "disagree": chosen.disagreement, "errors": chosen.error}
    values = {
        "model": [chosen.model] if chosen.model != "fused" else [],
        "emotion": chosen.emotions,
        "after": chosen.after,
        "speaker": chosen.speakers,
        "label": chosen.labels,
        "split": chosen.splits,
        "text": [chosen.search] if chosen.search else [],
        "certainty": [f"{100 * chosen.certainty:.0f}"] if chosen.certainty else [],
        "faces": [str(chosen.faces)] if chosen.faces else [],
        "column": [each.column for each in chosen.columns],
        **{f"in.{each.column}": each.values for each in chosen.columns},
        **ranges,
        **{name: ["true"] for name, on in flags.items() if on},
    }
    return {name: list(each) for name, each in values.items() if each}


def keep(chosen: Selection, page: str, **own: str) -> None:
    """Remember the filters for the links to all pages that have them, and what is the page's own for the link to it."""
    asked = address(chosen)
    for each in _PAGES:
        shared.keep_address(each, asked)
    shared.keep_address(page, asked | {name: [value] for name, value in own.items()})


def _show_chips(chosen: Selection) -> None:
    """The filters in force, each as a button that takes it away."""
    chips = list(_chips(chosen))
    if not chips:
        return
    with st.container(horizontal=True, gap="small"):
        for number, (words, act) in enumerate(chips):
            st.button(markup.label(f"{words} ✕"), key=f"chip-{number}", on_click=act, help="Remove this filter")
        if len(chips) > 1:
            st.button("Remove all filters", key="chip-all", on_click=_clear, args=(chosen,), type="tertiary")


def _chips(chosen: Selection) -> list[tuple[str, Callable[[], None]]]:
    lists = (("emotion", chosen.emotions), ("after", chosen.after), ("speaker", chosen.speakers),
             ("label", chosen.labels), ("split", chosen.splits))  # fmt: skip
    chips: list[tuple[str, Callable[[], None]]] = []
    chips += [(f"{key}: {value}", partial(_drop, key, value)) for key, values in lists for value in values]
    if chosen.search:
        chips.append((f"text contains “{chosen.search}”", partial(_put, "text", "")))
    if chosen.certainty:
        chips.append((f"certainty ≥ {chosen.certainty:.0%}", partial(_put, "certainty", 0)))
    if chosen.faces:
        chips.append((f"faces ≥ {chosen.faces}", partial(_put, "faces", 0)))
    flags = (("wrong answers", "wrong", chosen.wrong), ("text ≠ vision", "disagree", chosen.disagreement),
             ("with an error", "errors", chosen.error))  # fmt: skip
    chips += [(words, partial(_put, key, False)) for words, key, on in flags if on]
    for each in chosen.columns:
        chips += [(f"{each.column}: {value}", partial(_drop, f"in.{each.column}", value)) for value in each.values]
        for sign, end, value in (("≥", "from", each.least), ("≤", "to", each.most)):
            if value is not None:
                chips.append((f"{each.column} {sign} {value:g}", partial(_put, f"{end}.{each.column}", None)))
    return chips


def told(archive: Archive, chosen: Selection, sources: shared.Sources) -> list[str]:
    """What a picture shows, for a file that leaves the page: the archive, the models, and the filters."""
    bundles = ", ".join(_values(archive, "bundle")) or "unknown"
    words = "; ".join(chip for chip, _ in _chips(chosen))
    return [f"{sources.name}: {chosen.model} answers of bundle {bundles}", f"Filters: {words}" if words else "All rows"]


def _put(key: str, value: object) -> None:
    st.session_state[key] = value


def _drop(key: str, value: str) -> None:
    st.session_state[key] = [each for each in st.session_state[key] if str(each) != value]


def _clear(chosen: Selection) -> None:
    for _, act in _chips(chosen):
        act()


def put(key: str, value: str) -> None:
    """Filter by one value."""
    st.session_state[key] = [value]


def toggle(key: str, value: str) -> None:
    """Filter by one value, or by none where it was the only one."""
    st.session_state[key] = [] if st.session_state.get(key) == [value] else [value]


def ask(column: str, value: str) -> None:
    """Filter by one value of a column that has no filter of its own."""
    _add_column(column)
    st.session_state[f"in.{column}"] = [value]


def ask_range(column: str, least: float | None, most: float | None) -> None:
    """Filter by the range of a column of numbers."""
    _add_column(column)
    st.session_state[f"from.{column}"], st.session_state[f"to.{column}"] = least, most


def _add_column(column: str) -> None:
    asked = st.session_state.get("column", [])
    st.session_state["column"] = asked if column in asked else [*asked, column]


def file_name(chosen: Selection) -> str:
    """A file's name without its ending that tells the filters, in plain letters."""
    words = "_".join(re.sub(r"[^a-z0-9]+", "-", chip.lower()).strip("-") for chip, _ in _chips(chosen))
    return f"{chosen.model}_{words or 'all'}"[:100]
