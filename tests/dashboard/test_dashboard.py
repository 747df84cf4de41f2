"""The pages in a real browser, against the Parquet that they show."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.helpers.pages import expect_count, open_page, wait_until_drawn
from tests.helpers.videos import draw_person, write_video


@pytest.fixture(scope="module")
def table(pages_archive: Path) -> pd.DataFrame:
    return pq.read_table(pages_archive / "scores").to_pandas()


def test_the_archive_page_filters_and_exports_what_it_shows(page: Page, site: str, table: pd.DataFrame) -> None:
    open_page(page, site)
    expect_count(page, "Utterances", len(table))
    page.get_by_label("Text contains").fill("furious")
    page.get_by_label("Text contains").press("Enter")
    wanted = table[table["utterance"].str.contains("furious")]
    expect_count(page, "Utterances", len(wanted))
    expect_count(page, "Errors", 0)
    expect(page.get_by_text(f"{len(wanted)} of {len(wanted)} utterances shown")).to_be_visible()
    page.get_by_test_id("stDataFrame").hover()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)  # it would leave formulas as they are
    files = {}
    for kind in ("CSV", "XLSX"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"fused_text-contains-furious.{kind.lower()}"
        files[kind] = download.value.path()
    assert files["CSV"].read_bytes().startswith("\ufeff".encode())  # by which Excel knows UTF-8
    found = pd.read_csv(files["CSV"])
    assert found["utterance"].tolist() == wanted["utterance"].tolist()
    assert found["fused_emotion"].tolist() == wanted["fused_emotion"].tolist()
    with zipfile.ZipFile(files["XLSX"]) as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == 1 + len(wanted)
    page.get_by_label("Text contains").fill("no such words")
    page.get_by_label("Text contains").press("Enter")
    expect(page.get_by_text("No utterance passes all filters")).to_be_visible()


def test_the_dialogue_page_tells_every_utterance_in_order(page: Page, site: str, table: pd.DataFrame) -> None:
    rows = table[table["dialogue_id"] == "d0003"].fillna({"speaker": ""}).to_dict("records")
    open_page(page, f"{site}/dialogue")
    page.get_by_label("Find a dialogue", exact=True).fill("d0003")
    page.get_by_label("Find a dialogue", exact=True).press("Enter")
    expect(page.locator("h1")).to_have_text("Dialogue d0003")
    expect(page.get_by_text(f"{len(rows)} utterances")).to_be_visible()
    told = [f"{row['utterance_id']}{row['speaker']}{row['utterance']}" for row in rows]
    expect(page.locator(".words")).to_have_text(told)
    wait_until_drawn(page)
    fused = [chip.split()[1] for chip in page.locator(".chip").all_inner_texts() if chip.startswith("fused")]
    assert fused == [row["fused_emotion"] for row in rows]
    expect(page.locator("img.face")).to_have_count(sum(row["face_count"] for row in rows))
    assert all(image.get_attribute("alt") for image in page.locator("img.face").all())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "mine.mp4"
    image = np.full((360, 640, 3), 130, np.uint8)
    draw_person(image, 300, 130, 110, (30, 40, 60), (60, 120, 40))
    write_video(path, [cv2.GaussianBlur(image, (3, 3), 0)] * 24)
    return path


def test_a_sentence_and_a_clip_are_scored_and_explained(page: Page, site: str, clip: Path) -> None:
    open_page(page, f"{site}/try")
    page.get_by_label("What is said").fill("How wonderful, I am so happy!")
    page.get_by_role("button", name="Score").click()
    expect(page.locator(".chip", has_text="text")).to_contain_text("joy")
    expect(page.locator(".chip", has_text="vision")).to_contain_text("–")
    page.set_input_files("input[type=file]", clip)
    expect(page.get_by_text("mine.mp4")).to_be_visible()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="Why fused says")).to_be_visible()
    expect(page.get_by_text("in log-odds: text")).to_be_visible()
    expect(page.get_by_role("heading", name="The words that counted for joy")).to_be_visible()
    expect(page.get_by_role("heading", name="The faces, and where the network looked")).to_be_visible()
    expect(page.locator("img.face").nth(1)).to_be_visible()  # a face, and the map over it


def test_a_broken_clip_is_an_answer_and_not_a_crash(page: Page, site: str, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:300])
    open_page(page, f"{site}/try")
    page.set_input_files("input[type=file]", broken)
    expect(page.get_by_text("broken.mp4")).to_be_visible()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_text("broken.mp4: video")).to_be_visible()
    expect(page.get_by_text("There is nothing to score")).to_have_count(0)  # which would tell it twice
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_model_page_shows_the_card_and_the_figures(page: Page, site: str, table: pd.DataFrame) -> None:
    open_page(page, f"{site}/model")
    expect(page.get_by_text(f"EmotionScope bundle {table['bundle'][0]}")).to_be_visible()
    expect(page.get_by_role("heading", name="Confusion")).to_be_visible()
    expect(page.get_by_role("heading", name="Calibration")).to_be_visible()
