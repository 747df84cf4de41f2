"""The page of a film that is mailed: it asks nothing of any server, is legible everywhere, and shows text as text."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from emotionscope.film import moments, page
from emotionscope.storage.place import Place
from tests.conftest import VIOLATIONS
from tests.helpers.films import FACES, LINES, film, moving
from tests.helpers.videos import write_video

EVIL = "<script src=http://evil.example/x.js></script><img src=http://evil.example/x.png> {{ 7*7 }} ![x](http://evil)"
LONG = tuple(
    (float(n), n + 0.9, f"A speaker with a long name {n % 2}", f"Line {n} " + "and on " * (n % 9), "joy", "fear", "joy")
    for n in range(3, 40)
)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_video(folder / "film.mp4", moving(), fps=10)
    lines = (*LINES, *LONG, (41.0, 42.0, EVIL, EVIL, "sadness", None, "sadness"))
    (folder / "page.html").write_text(page.render(film(lines), Place(folder), "fused", ["v1"]))
    return folder / "page.html"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390], ids=["wide", "a phone"])
def test_it_is_whole_and_legible_and_asks_for_nothing(
    browser: Browser, page_file: Path, width: int, theme: str
) -> None:
    window = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.goto(page_file.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert window.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    found = Axe().run(window, options=VIOLATIONS).response["violations"]
    assert {each["id"]: [node["html"][:200] for node in each["nodes"][:3]] for each in found} == {}
    shown = window.inner_text("body")
    assert EVIL.split(" {{")[0] in shown and "{{ 7*7 }}" in shown
    assert all(text in shown for text in ("You came back!", "Moments worth looking at", "person 1"))
    window.close()


def test_without_the_video_it_says_how_to_have_pictures(tmp_path: Path) -> None:
    made = page.render(film(), None, "fused", ["v1"])
    assert "--videos" in made and "<img" not in made
    made = page.render(film(), Place(tmp_path), "fused", ["v1"])
    assert "video missing" in made and "<img" not in made


def test_a_film_of_faces_alone_and_one_of_words_alone_have_a_page() -> None:
    assert "Below, the faces" in page.render(film(()), None, "fused", [])
    words = page.render(film(faces=()), None, "fused", [])
    assert "You came back!" in words and "Below, the faces" not in words
    assert re.search(r"<h2>Moments worth looking at</h2>\s*<p>None", page.render(film((), ()), None, "fused", []))


def test_the_moments_are_the_surest_the_shifts_and_the_contradictions() -> None:
    found = {moment.reason: moment for moment in moments.choose(film(faces=FACES), "fused")}
    assert {"the surest joy", "the surest anger"} <= set(found)
    assert found["the surest joy"].line is film(faces=FACES).lines[0] or found["the surest joy"].time == 0.5
    lines = (*LINES[:2], (1.8, 2.9, "Bo", "Oh.", "neutral", "fear", "neutral"))
    reasons = [moment.reason for moment in moments.choose(film(lines, ()), "fused")]
    assert reasons == ["the surest joy", "a shift from joy to neutral", "the words say neutral, the faces fear"]
    times = [moment.time for moment in moments.choose(film(LONG, FACES), "fused")]
    assert times == sorted(times) and len(times) <= moments.MOST
