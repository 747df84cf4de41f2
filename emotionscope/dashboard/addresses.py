"""What the address of a page asks for, and what of it the page does not know, which it tells."""

from contextlib import suppress

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotionscope.dashboard import markup

Asked = dict[str, list[str]]
_SHOWN = "address shown"  # at the end of the last run


def asked() -> Asked:
    """What the address asks for."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def tell_unknown(wanted: Asked, place: DeltaGenerator) -> None:
    """Say what the page took out of an address that the visitor came with: values that it does not know.

    A filter that the visitor has just removed is no such value: then the address is that of the run before.
    """
    left = asked()
    if wanted != st.session_state.get(_SHOWN):
        lost = [
            f"{name}={value}"
            for name, values in wanted.items()
            for value in values
            if value not in left.get(name, []) and not _is_usual(name, value)
        ]
        if lost:
            with place:
                markup.say(f"The address asks for what this page does not know: {', '.join(lost)}", "warning")
    st.session_state[_SHOWN] = left


def _is_usual(name: str, value: str) -> bool:
    """Whether it is what the widget says anyway, which need not stand in the address."""
    says = st.session_state.get(name)
    if isinstance(says, int | float) and not isinstance(says, bool):
        with suppress(ValueError):
            return float(value) == says
    return str(says).lower() == value.lower()
