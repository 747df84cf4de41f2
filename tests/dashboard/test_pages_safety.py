"""Every page with hostile texts in it: nothing of them runs or is fetched, and everybody can read the page."""

import urllib.parse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.conftest import VIOLATIONS
from tests.helpers.pages import HOSTILE_COLUMN, HOSTILE_DIALOGUE, open_page

HOSTILE_ROWS = {"column": HOSTILE_COLUMN, f"in.{HOSTILE_COLUMN}": HOSTILE_DIALOGUE, "speaker": HOSTILE_DIALOGUE}
PAGES = {
    "archive": "?text=evil",
    "archive filtered by hostile values": "?" + urllib.parse.urlencode(HOSTILE_ROWS),
    "dialogue": "dialogue?" + urllib.parse.urlencode({"dialogue": HOSTILE_DIALOGUE, "utterance": "2"}),
    "dialogue with a film": "dialogue?dialogue=film.mp4&utterance=1&line=text&line=fused",
    "shifts": "shifts",
    "groups": "groups?" + urllib.parse.urlencode({"across": HOSTILE_COLUMN, "beside": "speaker"}),
    "groups with intervals": "groups?" + urllib.parse.urlencode({"across": "speaker", "measure": "joy"}),
    "summaries": "summaries?table=speakers",
    "compare": "compare",
    "review": "review?text=evil",
    "try": "try",
    "model": "model",
}
# A table's cells are drawn on a canvas that a hidden table describes; both are Streamlit's own.
ACCEPTED = {"scrollable-region-focusable"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_runs_or_fetches_a_text_and_all_can_be_read(browser: Browser, site: str, theme: str) -> None:
    size = {"width": 1400, "height": 1200}
    context = browser.new_context(color_scheme=theme, viewport=size, reduced_motion="reduce")
    context.set_default_timeout(90_000)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: asked.append(socket.url))
    serious = {}
    for name, path in PAGES.items():
        open_page(page, f"{site}/{path}")
        assert page.evaluate("window.hacked") is None, name
        assert page.get_by_test_id("stException").count() == 0, name
        found = Axe().run(page, options=VIOLATIONS).response["violations"]
        serious |= {
            f"{name}: {each['id']}": [node["html"][:200] for node in each["nodes"][:3]]
            for each in found
            if each["impact"] in ("serious", "critical") and each["id"] not in ACCEPTED
        }
    context.close()
    own = urllib.parse.urlsplit(site).netloc
    assert [url for url in asked if urllib.parse.urlsplit(url).netloc not in (own, "")] == []
    assert serious == {}
