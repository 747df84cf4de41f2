"""From a picture to the moment in a real browser: addresses, clicks, comparisons, and reviews that become labels."""

import re
import urllib.parse
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.helpers.pages import (
    FILM,
    HOSTILE_DIALOGUE,
    HOSTILE_VIDEO,
    click_mark,
    click_row,
    expect_count,
    follow,
    open_page,
    seconds,
    wait_until_drawn,
)


@pytest.fixture(scope="module")
def table(pages_archive: Path) -> pd.DataFrame:
    """The scores, with the fused emotion of the utterance before."""
    scores = pq.read_table(pages_archive / "scores").to_pandas()
    return scores.assign(before=scores.groupby("dialogue_id", sort=False)["fused_emotion"].shift())


def chips(page: Page) -> list[str]:
    """The filters that the page tells above its charts."""
    return [text.removesuffix(" ✕") for text in page.get_by_role("button", name="✕").all_inner_texts()]


def ask_for(page: Page, words: str) -> None:
    page.get_by_label("Text contains").fill(words)
    page.get_by_label("Text contains").press("Enter")


def test_the_address_brings_back_what_was_filtered(page: Page, site: str, table: pd.DataFrame) -> None:
    differing = table[table["text_emotion"] != table["vision_emotion"]]
    both = differing[differing["utterance"].str.contains("number 2")]
    open_page(page, site)
    page.get_by_test_id("stSidebar").get_by_text("Text and vision disagree").click()
    expect_count(page, "Utterances", len(differing))
    ask_for(page, "number 2")
    expect_count(page, "Utterances", len(both))
    page.reload()
    expect_count(page, "Utterances", len(both))
    assert chips(page)[:2] == ["text contains “number 2”", "text ≠ vision"]
    open_page(page, page.url)  # a copied link, in a visit of its own
    expect_count(page, "Utterances", len(both))
    page.get_by_role("button", name="text ≠ vision").click()
    expect_count(page, "Utterances", len(table[table["utterance"].str.contains("number 2")]))
    page.get_by_role("button", name="text contains").click()
    expect_count(page, "Utterances", len(table))


def test_one_step_back_undoes_one_thing_done(page: Page, site: str, table: pd.DataFrame) -> None:
    found = table[table["utterance"].str.contains("number 2")]
    open_page(page, site)
    ask_for(page, "number 2")
    expect_count(page, "Utterances", len(found))
    page.get_by_test_id("stSidebar").get_by_text("Text and vision disagree").click()
    expect_count(page, "Utterances", (found["text_emotion"] != found["vision_emotion"]).sum())
    page.go_back()
    expect_count(page, "Utterances", len(found))
    follow(page, "Shifts")
    assert chips(page) == ["text contains “number 2”"]
    follow(page, "Try it")
    follow(page, "Archive")
    expect_count(page, "Utterances", len(found))
    for title in ("Try it", "Shifts", "Archive"):
        page.go_back()
        wait_until_drawn(page, title)
    expect_count(page, "Utterances", len(found))
    page.go_back()
    expect_count(page, "Utterances", len(table))


def test_a_bar_filters_and_a_row_opens_its_moment(page: Page, site: str, table: pd.DataFrame) -> None:
    chosen = table[table["fused_emotion"] == "fear"]
    open_page(page, site)
    click_mark(page, "Bars of the utterances by emotion", emotion="fear")
    expect_count(page, "Utterances", len(chosen))
    assert chips(page) == ["emotion: fear"]
    click_row(page, 1)
    wait_until_drawn(page, "Dialogue")
    row = chosen.iloc[1]
    expect(page.locator(".utterance.chosen .words")).to_contain_text(row["utterance"])
    expect(page.locator(".utterance.chosen .number")).to_have_text(str(row["utterance_id"]))
    page.reload()
    expect(page.locator(".utterance.chosen .words")).to_contain_text(row["utterance"])
    page.locator(".utterance.chosen summary").click()
    expect(page.locator(".utterance.chosen details")).to_contain_text(f"{row['fused_emotion']} is ahead of")
    page.go_back()
    expect_count(page, "Utterances", len(chosen))


def test_anger_after_joy_is_found_from_the_cell_of_the_shifts(page: Page, site: str, table: pd.DataFrame) -> None:
    found = table[(table["fused_emotion"] == "anger") & (table["before"] == "joy")]
    assert len(found)
    open_page(page, f"{site}/shifts")
    click_mark(page, "Grid of counts", previous="joy", emotion="anger")
    wait_until_drawn(page, "Archive")
    expect_count(page, "Utterances", len(found))
    assert chips(page) == ["emotion: anger", "after: joy"]
    page.go_back()
    wait_until_drawn(page, "Shifts")
    assert chips(page) == []


def test_a_cell_of_the_confusion_leads_to_its_utterances(page: Page, site: str, table: pd.DataFrame) -> None:
    tested = table[(table["split"] == "test") & (table["emotion"] == "joy") & (table["fused_emotion"] == "joy")]
    open_page(page, f"{site}/model")
    click_mark(page, "Grid of counts", answer="joy", label="joy")
    wait_until_drawn(page, "Archive")
    expect_count(page, "Utterances", len(tested))


def test_a_film_is_drawn_by_time_and_a_face_leads_to_its_utterance(page: Page, site: str, table: pd.DataFrame) -> None:
    film = table[table["dialogue_id"] == "film.mp4"]
    open_page(page, f"{site}/dialogue?dialogue=film.mp4")
    line = page.locator(".told", has_text="The likeliest emotion by time")
    first = film.iloc[0]
    expect(line).to_contain_text(re.compile(rf"time: 0 at 0:01–0:02 {first['fused_emotion']} \("))
    told = "person 0 3 faces from 0:01 to 0:08, mostly joy (100%); person 1 1 face at 0:09, mostly anger (100%)."
    expect(page.locator(".told", has_text="Faces by person and time")).to_have_text(f"Faces by person and time: {told}")
    expect(page.locator(".p-gallery button", has_text="unknown")).to_have_count(1)
    page.locator(".p-gallery button", has_text="person 1").click()
    expect(page.locator(".utterance.chosen .words")).to_contain_text("In the film, line 2")
    assert seconds(page) == pytest.approx(FILM[2][0] + 1, abs=0.01)


def test_a_clip_plays_from_its_utterance(page: Page, site: str) -> None:
    open_page(page, f"{site}/dialogue?dialogue=film.mp4")
    page.get_by_role("button", name="Go to utterance 2").click()
    assert seconds(page) == pytest.approx(FILM[2][0], abs=0.01)
    page.get_by_role("button", name="Play (space)").click()
    page.wait_for_function(f"document.querySelector('video').currentTime > {FILM[2][0]}")
    assert page.locator("video").evaluate("video => video.error") is None


def test_a_video_that_lies_elsewhere_is_not_played_and_says_why(page: Page, site: str) -> None:
    open_page(page, f"{site}/dialogue?" + urllib.parse.urlencode({"dialogue": HOSTILE_DIALOGUE}))
    expect(page.locator(".p-message")).to_have_text(f"video outside the folder of the videos: {HOSTILE_VIDEO}")
    expect(page.locator("video")).to_be_hidden()


def test_a_dialogue_without_times_is_drawn_by_turn(page: Page, site: str) -> None:
    open_page(page, f"{site}/dialogue?dialogue=d0003")
    expect(page.locator(".told", has_text="The likeliest emotion by utterance")).to_have_count(1)
    expect(page.locator(".told", has_text="Faces by person and time")).to_have_count(0)


def test_two_tables_are_compared_and_a_changed_answer_opens(
    page: Page, site: str, table: pd.DataFrame, pages_archive: Path
) -> None:
    before = pq.read_table(pages_archive / "before").to_pandas()
    changed = table[table["fused_emotion"] != before["fused_emotion"]]
    open_page(page, f"{site}/compare")
    expect_count(page, "Utterances in both", len(table))
    expect_count(page, "Changed answers", len(changed))
    expect(page.get_by_text("Before: bundle 0123456789ab.")).to_be_visible()
    click_row(page, 0)
    wait_until_drawn(page, "Dialogue")
    expect(page.locator(".utterance.chosen .words")).to_have_count(1)


def test_reviews_by_keys_become_labels(page: Page, site: str) -> None:
    open_page(page, f"{site}/review?text=number+3")
    expect(page.get_by_text("Type your name to begin")).to_be_visible()
    page.get_by_label("Your name").fill("Zoë; <b>")
    page.get_by_label("Your name").press("Enter")
    words = page.locator(".utterance .words")
    first = words.inner_text()
    for key, answer in (("2", "disgust"), ("0", "–")):
        said = words.inner_text()
        expect(page.locator(".utterance .chip")).to_have_count(0)
        page.get_by_role("heading", name="Review").click()
        page.keyboard.press(key)
        expect(words).not_to_have_text(said)
        expect(page.locator(".revealed .chip").first).to_have_text(f"Zoë; <b> {answer}")
        expect(page.locator(".revealed .chip", has_text="fused")).to_be_visible()
    page.keyboard.press("u")
    expect(words).to_have_text(said)
    wait_until_drawn(page)
    page.reload()  # the browser remembers who judges
    expect_count(page, "Reviews", 1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Labels for training").click()
    labels = pq.read_table(download.value.path()).to_pandas()
    assert labels["emotion"].tolist() == ["disgust"]
    assert labels["utterance"][0] in first
    assert len(labels["faces"][0]) == 2
