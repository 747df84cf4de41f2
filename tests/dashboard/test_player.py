"""The player of the Dialogue page on real films: everything that stands for a moment leads to it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import av
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from emotionscope.commands import people
from emotionscope.commands.settings import People
from emotionscope.labels import EMOTIONS
from tests.conftest import made_once
from tests.helpers import pages, real_films
from tests.helpers.pages import go_on, open_page, seconds, wait_until_drawn
from tests.helpers.real_films import ACTOR, OLD, TEASER


@pytest.fixture(scope="module")
def archive(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(
        tmp_path_factory,
        "films",
        lambda folder: real_films.make_archive(shared / "data/films", shared / "data/clips", folder),
    )


@pytest.fixture(scope="module")
def films_site(browser: Browser, archive: Path) -> Iterator[str]:
    with pages.serving(archive) as address:
        yield address


def open_film(page: Page, site: str, film: str, more: str = "") -> None:
    open_page(page, f"{site}/dialogue?dialogue={film}{more}")
    go_on(page)


def painted(page: Page) -> int:
    """How many pixels of the film have something drawn over them."""
    return int(
        page.locator(".p-boxes").evaluate(
            "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
            ".data.filter((value, place) => place % 4 === 3 && value).length"
        )
    )


def test_a_film_plays_with_its_words_and_boxes_and_a_cursor(page: Page, films_site: str) -> None:
    open_film(page, films_site, TEASER, "&utterance=0")
    assert seconds(page) == pytest.approx(0.6, abs=0.01)
    expect(page.locator(".p-words")).to_have_text(re.compile("^Celia: Why don't you just admit"))
    assert painted(page) > 0
    page.get_by_role("button", name="boxes").click()
    assert painted(page) == 0
    slider = page.get_by_role("slider", name="Place in the dialogue")
    before = float(slider.get_attribute("aria-valuenow") or 0)
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.p-stage video').currentTime > 0.9")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play (space)")).to_be_visible()
    assert float(slider.get_attribute("aria-valuenow") or 0) > before
    page.locator(".p-rows .number").nth(1).press("ArrowLeft")  # where nobody speaks
    assert page.locator(".p-stage video").evaluate("video => video.error") is None


def test_the_curve_is_saved_with_its_title_and_what_it_shows(page: Page, films_site: str) -> None:
    open_film(page, films_site, TEASER, "&line=text&line=fused")
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename == f"{TEASER}-curve.png"
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Closer").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    words = [each.text or "" for each in ElementTree.parse(saved.value.path()).iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == TEASER
    assert re.match(r"films.*/scores: fused, text answers of bundle [0-9a-f]{12}$", words[1])
    assert re.match(r"From \d:\d\d to \d:\d\d$", words[2])
    assert words[-len(EMOTIONS) :] == list(EMOTIONS)


def test_curve_face_word_and_row_lead_to_their_moment(page: Page, films_site: str) -> None:
    open_film(page, films_site, TEASER)
    page.get_by_role("button", name="Go to utterance 1").click()
    assert seconds(page) == pytest.approx(24.0, abs=0.01)
    expect(page).to_have_url(re.compile("utterance=1"))
    expect(page.locator(".utterance.chosen .number")).to_have_text("1")
    page.locator(".p-word", has_text="fault").click()
    assert seconds(page) == pytest.approx(
        32.2 + 2.0 * len("It's not my ") / len("It's not my fault, you know."), abs=0.1
    )
    face = page.locator(".p-face").first
    when = face.get_attribute("title") or ""
    face.click()
    assert f"at 0:0{int(seconds(page))}" in when
    curve = page.locator(".p-canvas")
    box = curve.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 60, box["y"] + 60)
    assert seconds(page) > 34.5
    page.go_back()
    wait_until_drawn(page)
    expect(page.locator(".utterance.chosen .number")).to_have_text("2")


def test_keys_go_by_seconds_and_by_shifts(page: Page, films_site: str) -> None:
    open_film(page, films_site, TEASER, "&utterance=0")
    page.keyboard.press("ArrowRight")
    assert seconds(page) == pytest.approx(2.6, abs=0.01)
    page.keyboard.press("n")  # from anger to neutral
    assert seconds(page) == pytest.approx(24.0, abs=0.01)
    page.keyboard.press("n")  # to sadness
    assert seconds(page) == pytest.approx(32.2, abs=0.01)
    page.keyboard.press("p")
    assert seconds(page) == pytest.approx(24.0, abs=0.01)
    page.get_by_label("Find a dialogue", exact=True).press("n")  # which is typed
    assert seconds(page) == pytest.approx(24.0, abs=0.01)


def test_clips_follow_each_other_and_a_file_that_no_browser_plays_is_cut(page: Page, films_site: str) -> None:
    open_film(page, films_site, "clips")
    first = page.locator(".p-stage video").get_attribute("src")
    page.get_by_role("button", name="Go to utterance 1").click()
    expect(page.locator(".p-stage video")).not_to_have_attribute("src", first or "")
    assert seconds(page) == pytest.approx(0.0, abs=0.05)
    open_film(page, films_site, OLD, "&utterance=1")
    expect(page.locator(".p-stage video")).to_have_attribute("src", re.compile("^blob:"))
    slider = page.get_by_role("slider", name="Place in the dialogue")
    expect(slider).to_have_attribute("aria-valuenow", "2.00")
    assert painted(page) > 0


def test_a_gallery_of_faces_leads_to_the_moment(page: Page, films_site: str, archive: Path) -> None:
    faces = pq.read_table(archive / "faces").to_pandas()
    own = faces[faces["dialogue_id"] == TEASER]
    open_film(page, films_site, TEASER)
    gallery = page.locator(".p-gallery img")
    expect(gallery).to_have_count(len(own))
    page.wait_for_function("[...document.querySelectorAll('.p-gallery img')].every((face) => face.naturalWidth > 20)")
    open_film(page, films_site, TEASER, "&face_emotion=anger")
    angry = own[own["emotion"] == "anger"].sort_values("anger", ascending=False)
    expect(gallery).to_have_count(len(angry))
    page.locator(".p-gallery button").first.click()
    assert seconds(page) == pytest.approx(angry["time"].iloc[0], abs=0.01)


def test_a_reviewer_sees_the_part_of_the_film_and_no_answer(page: Page, films_site: str) -> None:
    open_page(page, f"{films_site}/review?text=don't you just admit")
    expect(page.locator("video")).to_have_count(0)
    page.get_by_label("Your name", exact=True).fill("Maria")
    page.get_by_label("Your name", exact=True).press("Enter")
    go_on(page)
    page.wait_for_function("document.querySelector('video').paused")  # at the end of the utterance
    assert page.locator("video").evaluate("video => video.error") is None
    assert 0.6 <= seconds(page) < 24  # where the next one begins
    expect(page.locator(".chip")).to_have_count(0)
    page.locator("video").evaluate("video => video.play()")
    page.wait_for_function("!document.querySelector('video').paused")
    assert seconds(page) < 3


def test_people_are_named_merged_split_and_taken_back(page: Page, films_site: str, archive: Path) -> None:
    open_film(page, films_site, ACTOR)
    page.get_by_role("textbox", name="Your name").fill("Maria")
    page.get_by_role("textbox", name="Your name").press("Enter")
    wait_until_drawn(page)
    page.locator("summary", has_text="Correct").first.click()
    page.get_by_label("Name", exact=True).first.fill("Jan <b>Novák</b>")
    page.get_by_label("Name", exact=True).first.press("Enter")
    expect(page.locator(".person b").first).to_have_text("Jan <b>Novák</b>")
    table = pq.read_table(archive / "faces" / "_corrections").to_pylist()
    assert [(row["video"], row["person"], row["action"], row["value"], row["by"]) for row in table] == [
        (ACTOR, 0, "name", "Jan <b>Novák</b>", "Maria")
    ]
    page.get_by_label("Person", exact=True).click()
    page.get_by_role("option", name="Jan").click()
    page.locator(".p-gallery input").first.check()
    page.get_by_role("button", name="These are another person").click()
    expect(page.locator(".person b")).to_have_text(["Jan <b>Novák</b>", "person 1"])
    page.locator("summary", has_text="Corrections (2)").click()
    wait_until_drawn(page)
    page.get_by_role("button", name="Take back the last one").click()
    expect(page.locator(".person b")).to_have_count(1)
    assert pq.read_table(archive / "faces" / "_corrections").num_rows == 1


def test_people_are_called_as_their_portraits_whatever_the_name(
    page: Page, browser: Browser, archive: Path, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)> Celia"
    for table in ("scores", "videos"):
        (tmp_path / table).symlink_to(archive / table)
    shutil.copytree(archive / "faces", tmp_path / "faces", ignore=shutil.ignore_patterns("_*"))
    (tmp_path / "portraits").mkdir()
    with av.open(str(archive / "videos" / TEASER)) as film:
        frame = next(frame for frame in film.decode(video=0) if (frame.time or 0) >= 1.2)
        frame.to_image().save(tmp_path / "portraits" / f"{name}.png")
    found = people.run(
        People(faces=str(tmp_path / "faces"), output=str(tmp_path / "people"), names=str(tmp_path / "portraits"))
    )
    assert found.named == 1
    with pages.serving(tmp_path) as site:
        open_film(page, site, TEASER, "&utterance=0")
        expect(page.get_by_text(name).first).to_be_visible()
        assert page.locator("img[src=x]").count() == 0


def test_what_the_address_names_and_is_not_there_is_told(page: Page, films_site: str) -> None:
    open_page(page, f"{films_site}/dialogue?dialogue=nowhere")
    expect(page.get_by_text("The archive has no dialogue nowhere.")).to_be_visible()
    open_page(page, f"{films_site}/dialogue?dialogue={TEASER}&utterance=99&line=audio")
    expect(page.get_by_text("This dialogue has no utterance 99.")).to_be_visible()
    expect(page.get_by_text("There is no model audio: choose text, vision, fused.")).to_be_visible()
    open_page(page, f"{films_site}/dialogue")
    expect(page).to_have_url(re.compile(r"\?dialogue="))
