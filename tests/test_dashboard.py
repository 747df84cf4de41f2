"""The pages in a real browser, against the Parquet that they show."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT, free_port, scores_of
from tests.s3 import wait_for
from tests.videos import draw_person, write_video

# Chromium's own calls home are refused here, and would only take time.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing in CI")
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(obvious: Path, scored: str) -> Iterator[str]:
    """The pages on the obvious archive, served by the job."""
    port = free_port()
    flags = ["--scores", scored, "--keyframes", f"{obvious}/keyframes", "--bundle", f"{obvious}/bundle"]
    command = [sys.executable, "-m", "jobs.dashboard", *flags, "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        wait_for(f"http://127.0.0.1:{port}", 120)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1400}, accept_downloads=True)
    context.set_default_timeout(90_000)
    expect.set_options(timeout=90_000)
    yield context.new_page()
    context.close()


def metric(page: Page, name: str) -> str:
    found = page.get_by_test_id("stMetric").filter(has_text=name).get_by_test_id("stMetricValue")
    return found.inner_text().strip()


def test_the_archive_page_filters_and_exports_what_it_shows(page: Page, site: str, scored: str) -> None:
    table = scores_of(scored)
    page.goto(site)
    expect(page.get_by_role("heading", name="Archive")).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(f"{len(table):,}")
    page.get_by_label("Text contains").fill("furious")
    page.get_by_label("Text contains").press("Enter")
    wanted = table.filter(pc.match_substring(table["utterance"], "furious"))
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(str(len(wanted)))
    assert metric(page, "Errors") == "0"
    expect(page.get_by_text(f"{len(wanted)} of {len(wanted)} utterances shown")).to_be_visible()  # drawn to its end
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    found = pd.read_csv(download.value.path())
    assert found["utterance"].tolist() == wanted["utterance"].to_pylist()
    assert found["fused_emotion"].tolist() == wanted["fused_emotion"].to_pylist()
    page.get_by_label("Text contains").fill("no such words")
    page.get_by_label("Text contains").press("Enter")
    expect(page.get_by_text("No utterance passes all filters")).to_be_visible()


def test_the_dialogue_page_tells_every_utterance_in_order(page: Page, site: str, scored: str) -> None:
    table = scores_of(scored)
    rows = table.filter(pc.equal(table["dialogue_id"], "d0003")).to_pylist()
    page.goto(f"{site}/dialogue")
    page.get_by_label("Find a dialogue", exact=True).fill("d0003")
    page.get_by_label("Find a dialogue", exact=True).press("Enter")
    expect(page.get_by_text(f"d0003: {len(rows)} utterances")).to_be_visible()
    told = [f"{row['utterance_id']}{row['speaker'] or ''}{row['utterance']}" for row in rows]
    expect(page.locator(".words")).to_have_text(told)
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


def test_a_sentence_and_a_clip_are_scored_and_explained(page: Page, site: str, clip: Path, obvious: Path) -> None:
    page.goto(f"{site}/try")
    page.get_by_label("What is said").fill("Well, disgusting number 2")
    page.get_by_role("button", name="Score").click()
    expect(page.locator(".chip", has_text="text")).to_contain_text("disgust")
    expect(page.locator(".chip", has_text="vision")).to_contain_text("–")
    page.set_input_files("input[type=file]", clip)
    expect(page.get_by_text("mine.mp4")).to_be_visible()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="The faces, and where the network looked")).to_be_visible()
    expect(page.get_by_role("heading", name="The words that counted for disgust")).to_be_visible()
    expect(page.locator("img.face").nth(1)).to_be_visible()  # a face, and the map over it


def test_a_broken_clip_is_an_answer_and_not_a_crash(page: Page, site: str, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:300])
    page.goto(f"{site}/try")
    expect(page.get_by_label("What is said")).to_be_visible()
    page.set_input_files("input[type=file]", broken)
    expect(page.get_by_text("broken.mp4")).to_be_visible()
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_text("broken.mp4: video")).to_be_visible()
    expect(page.get_by_text("There is nothing to score")).to_have_count(0)  # which would tell it twice
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_model_page_shows_the_card_and_the_figures(page: Page, site: str, obvious: Path) -> None:
    version = (obvious / "bundle" / "README.md").read_text().split()[3]
    page.goto(f"{site}/model")
    expect(page.get_by_text(f"EmotionScope bundle {version}")).to_be_visible()
    expect(page.get_by_role("heading", name="Confusion")).to_be_visible()
    expect(page.get_by_role("heading", name="Calibration")).to_be_visible()
