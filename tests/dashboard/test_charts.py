"""The charts in a real browser: large enough, legible, reached by keys, saved with what they show; and addresses."""

import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers.pages import expect_count, open_page, wait_until_drawn

# The plot, without its axes, as a share of the chart that it is part of.
PLOTS = """[...document.querySelectorAll('[data-testid=stVegaLiteChart] svg')].map(svg => {
  const card = svg.getBoundingClientRect();
  const plot = svg.querySelector('.mark-group.role-frame > g > path.background').getBoundingClientRect();
  return [plot.width / card.width, plot.height / card.height];
})"""


@pytest.fixture(scope="module")
def table(pages_archive: Path) -> pd.DataFrame:
    return pq.read_table(pages_archive / "scores").to_pandas()


@pytest.mark.parametrize("width", [1440, 390])
def test_no_plot_is_smaller_than_half_its_chart(browser: Browser, site: str, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 1200}, reduced_motion="reduce") as context:
        context.set_default_timeout(90_000)
        page = context.new_page()
        for path in ("", "shifts", "model", "groups?across=speaker", "summaries?table=dialogues"):
            open_page(page, f"{site}/{path}")
            page.locator('[data-testid=stVegaLiteChart] path[role="graphics-symbol"]').first.wait_for(state="attached")
            plots = page.evaluate(PLOTS)
            assert plots and all(share >= 0.5 for plot in plots for share in plot), (path, plots)


def test_a_mark_is_reached_and_chosen_by_keys(page: Page, site: str, table: pd.DataFrame) -> None:
    open_page(page, site)
    mark = page.locator('[aria-label^="Bars of the utterances"] path[aria-label*="emotion: fear;"][tabindex="0"]')
    mark.focus()
    page.keyboard.press("Enter")
    expect_count(page, "Utterances", (table["fused_emotion"] == "fear").sum())


def test_a_saved_picture_says_what_it_shows(page: Page, site: str, table: pd.DataFrame) -> None:
    open_page(page, f"{site}/?text=number+3&certainty=20")
    with page.expect_download() as download:
        page.locator(".st-key-files-emotions").get_by_role("button", name="SVG").click()
    picture = download.value.path().read_text()
    words = " ".join(re.findall(r">([^<>]+)</t", picture))
    assert "Emotions" in words
    assert f"scores: fused answers of bundle {table['bundle'][0]}" in words
    assert "Filters: text contains “number 3”; certainty ≥ 20%" in words


def test_an_address_brings_back_groups_beside_each_other(page: Page, site: str, table: pd.DataFrame) -> None:
    known = table[table["channel"].notna() & table["speaker"].isin(["Ann", "Bo"])]
    shares = known.assign(joy=known["fused_emotion"] == "joy").groupby(["speaker", "channel"])["joy"].mean()
    open_page(page, f"{site}/groups?across=speaker&beside=channel&measure=joy&speaker=Ann&speaker=Bo")
    for _ in range(2):
        chart = page.locator('[aria-label^="Share of joy by speaker"]').first
        for (speaker, channel), share in shares.items():
            expect(chart).to_have_attribute("aria-label", re.compile(rf"\b{speaker} {channel} {share:.0%}"))
        page.reload()
        wait_until_drawn(page, "Groups")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("?faces=1e400", "faces=1e400"),
        ("?emotion=joy&emotion=bliss", "emotion=bliss"),
        ("?column=utterance_id&from.utterance_id=-inf", "from.utterance_id=-inf"),
        ("groups?across=nothing&measure=joy", "across=nothing"),
        ("summaries?table=none", "table=none"),
    ],
)
def test_what_an_address_asks_for_in_vain_is_told(page: Page, site: str, path: str, told: str) -> None:
    open_page(page, f"{site}/{path}")
    expect(page.locator(".say.warning")).to_have_text(f"The address asks for what this page does not know: {told}")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_what_an_address_says_in_full_is_no_mistake(page: Page, site: str) -> None:
    open_page(page, f"{site}/?model=fused&faces=0&certainty=0&disagree=false")
    expect(page.locator(".say")).to_have_count(0)


def test_pages_name_the_archive_and_print_without_the_side_bar(page: Page, site: str) -> None:
    open_page(page, site)
    expect(page.locator(".brand")).to_contain_text("EmotionScope")
    expect(page.locator(".brand")).to_contain_text("/scores")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_role("heading", name="Archive")).to_be_visible()
