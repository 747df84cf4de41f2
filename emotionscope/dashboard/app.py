"""The script that Streamlit runs; `jobs.dashboard` starts it with the sources as JSON after ``--``."""

import json
import sys
from functools import partial

import streamlit as st

from emotionscope.dashboard import archive_page, dialogue_page, model_page, parts, try_page


def main(sources: parts.Sources) -> None:
    """Draw the page that the visitor is on."""
    st.set_page_config("EmotionScope", ":material/theater_comedy:", layout="wide")
    st.html(parts.STYLE)
    pages = [
        st.Page(partial(archive_page.show, sources), title="Archive", icon=":material/bar_chart:", default=True),
        st.Page(partial(dialogue_page.show, sources), title="Dialogue", icon=":material/forum:", url_path="dialogue"),
        st.Page(partial(try_page.show, sources), title="Try it", icon=":material/edit:", url_path="try"),
        st.Page(partial(model_page.show, sources), title="Model", icon=":material/model_training:", url_path="model"),
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main(parts.Sources(**json.loads(sys.argv[1])))
