"""HTML for the pages, beside Streamlit's own widgets.

A user's text reaches a page through `escape`, or through a widget that takes plain text (a table, a select box).
Never through `st.markdown`, `st.caption`, a message box or a label: they read Markdown, which can fetch a picture.
"""

import base64
import html
import re
from collections.abc import Iterable, Mapping
from typing import Literal

import streamlit as st

from emotionscope.errors import RowError
from emotionscope.palette import COLOURS
from emotionscope.video.pictures import check


def escape(text: object) -> str:
    """Text as HTML that shows it and nothing else, and whose direction does not reach the text around it."""
    return f"<bdi>{html.escape(str(text))}</bdi>"


def label(text: str) -> str:
    """Text as the label of a widget, which reads Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def say(text: str, kind: Literal["error", "warning", "note"] = "note") -> None:
    """Tell something that may hold a user's text, such as an error's message."""
    role = "alert" if kind == "error" else "status"
    st.html(f'<div class="say {kind}" role="{role}">{escape(text)}</div>')


def chip(title: str, emotion: str | None, probability: float | None = None) -> str:
    """An emotion as HTML: its colour, its name in the page's ink, and how likely it is."""
    if not emotion:
        return f'<span class="chip quiet">{escape(title)} <b>–</b></span>'
    share = f" {probability:.0%}" if probability is not None else ""
    mark = f'<i style="background:{COLOURS.get(emotion, "#888")}"></i>'
    return f'<span class="chip">{mark}{escape(title)} <b>{escape(emotion)}</b>{share}</span>'


def data_address(image: bytes) -> str:
    """An address that holds a JPEG picture."""
    return f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"


def picture(address: str, words: str) -> str:
    """A picture at an address of ours, as HTML."""
    return f'<img class="face" height="88" alt="{html.escape(words)}" src="{html.escape(address)}">'


def legend(colours: Mapping[str, str] = COLOURS) -> str:
    """Names and their colours as HTML, once for all charts of a page; it wraps where the screen is narrow."""
    marks = "".join(f'<span><i style="background:{each}"></i>{escape(name)}</span>' for name, each in colours.items())
    return f'<div class="legend">{marks}</div>'


def brand(archive: str) -> str:
    """The product's name, with the emotions' colours, and the name of the archive that is open, as HTML."""
    stripes = "".join(f'<i style="background:{colour}"></i>' for colour in COLOURS.values())
    where = f'<span class="where">{escape(archive)}</span>' if archive else ""
    return f'<div class="brand"><span class="stripes">{stripes}</span><b>EmotionScope</b>{where}</div>'


def pictures(images: Iterable[tuple[bytes, str]], height: int = 72) -> str:
    """Pictures in a row, as HTML, each with a description; of one that takes too much to show, the reason."""
    return "".join(_picture(image, html.escape(words), height) for image, words in images)


def _picture(image: bytes, words: str, height: int) -> str:
    try:
        check(image)
    except RowError as error:
        return f'<span class="plain">⚠ {words}: {html.escape(str(error))}</span>'
    return f'<img class="face" height="{height}" alt="{words}" title="{words}" src="{data_address(image)}">'


# One step back for each thing that the visitor did. Streamlit puts a page's new query into the history and then its new
# path, which would be several steps, and a changed filter in the place of the old one, which would be none.
HISTORY = """<script>
if (!window.emotionscopeHistory) {
  window.emotionscopeHistory = true;
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  // Whether the last thing done, such as opening the page or going back, is in the history. A visitor may have done
  // something before this script came.
  let recorded = !navigator.userActivation?.hasBeenActive;
  for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, () => { recorded = false; }, true);
  window.addEventListener("popstate", () => { recorded = true; }, true);
  history.pushState = (state, title, url) => {
    (recorded ? replace : push)(state, title, url);
    recorded = true;
  };
  history.replaceState = (state, title, url) => {
    const changes = url && new URL(url, location.href).href !== location.href;
    (changes ? history.pushState : replace)(state, title, url);
  };
}
</script>"""

STYLE = """<style>
.stMainBlockContainer { padding-top: 4.25rem; padding-bottom: 3rem; }
.stMainBlockContainer h1 { padding: .25rem 0 .5rem; }
.heading h1 { overflow-wrap: anywhere; margin: 0; }
.stMainBlockContainer h2 { font-size: 1.25rem; padding: .5rem 0 .25rem; }
.st-key-going { display: none; }
/* The table's own download holds only the rows shown; the buttons below it hold all. */
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: inherit; opacity: 1; }
/* Streamlit writes these in the theme's main colour, which is too dark on a dark page. */
[data-testid="stSliderThumbValue"] p, [data-testid="stButtonGroup"] p { color: light-dark(#31333f, #fafafa); }
.chip { display: inline-block; border: 1px solid rgba(128,128,128,.6); border-radius: 999px; padding: .05rem .6rem;
  margin: .1rem .3rem .1rem 0; font-size: .85rem; max-width: 100%; overflow-wrap: anywhere; }
.chip i { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
.chip.quiet { border-style: dashed; }
.face { border-radius: 6px; margin: .2rem .3rem .2rem 0; }
.words { font-size: 1.05rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; margin-right: .6rem; }
.speaker { font-weight: 600; margin-right: .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .9rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
.brand { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .6rem; font-size: 1.05rem; }
.brand .stripes { display: inline-flex; height: 1.1em; border-radius: 3px; overflow: hidden; }
.brand .stripes i { width: .22em; }
.brand .where { font-size: .9rem; overflow-wrap: anywhere; }
path[role="graphics-symbol"]:focus-visible { outline: 3px solid light-dark(#1d59ff, #8fb3ff); outline-offset: 1px; }
@media print {
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stPageLink"], [class*="st-key-files-"],
  [data-testid="stToolbar"], [data-testid="stElementToolbar"] { display: none !important; }
  .stMainBlockContainer { padding: 0; }
  [data-testid="stVegaLiteChart"], .utterance { break-inside: avoid; }
}
.before { opacity: .75; margin: 0 0 .2rem; }
.utterance details { font-size: .875rem; margin: .2rem 0; }
.utterance summary { cursor: pointer; }
.say { border-left: 4px solid #1d59ff; padding: .5rem .9rem; margin: .2rem 0; background: rgba(128,128,128,.12);
  border-radius: 4px; overflow-wrap: anywhere; }
.say.error { border-color: #c90005; }
.say.warning { border-color: #b78e10; }
.told { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
.person { display: flex; gap: .8rem; align-items: center; }
.person .face { width: 88px; object-fit: cover; margin: 0; }
.plain { overflow-wrap: anywhere; font-size: .875rem; margin: 0; }
.card { overflow-x: auto; }
.card table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
.card :is(th, td) { border: 1px solid rgba(128,128,128,.4); padding: .2rem .6rem; text-align: left; }
.card h2 { font-size: 1.25rem; }
.card h3 { font-size: 1.05rem; margin: .8rem 0 .2rem; padding: 0; }
.card p, .card li { overflow-wrap: anywhere; }
@media (max-width: 40rem) { .heading h1 { font-size: 1.6rem; } }
@media (max-width: 40rem) { .card table { font-size: .8rem; } .card :is(th, td) { padding: .15rem .3rem; } }
</style>"""


def person(number: int | None) -> str:
    """A person of a video in words, by the number that the tables have."""
    return "unknown person" if number is None else f"person {number}"
