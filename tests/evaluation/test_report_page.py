"""The report in a real browser: every figure can be read, on a phone, enlarged, light and dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from emotionscope.evaluation import comparison, evaluation, report
from emotionscope.labels import EMOTIONS
from tests.conftest import VIOLATIONS
from tests.helpers.scores_tables import one_answer, scores

WIDTHS = {"wide": 1400, "narrow": 1100, "a tablet, or 200 %": 700, "a phone": 390}
CUT_OFF = """() => [...document.querySelectorAll("h1, p, th, td, b, small, span, li, text, svg")]
    .filter(each => each.getBoundingClientRect().right > innerWidth || each.scrollWidth > each.clientWidth + 1
        && getComputedStyle(each).overflowX !== "visible")
    .map(each => each.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all its parts, of groups large and small, with names and texts long and short."""
    truth = [EMOTIONS[number % 7 if number < 60 else 4] for number in range(160)]
    answers = [one_answer(EMOTIONS[(number // 3) % 7], 0.5 + number % 5 / 10) for number in range(160)]
    columns = {
        "utterance": [f"A rather long line that somebody said, number {number}" for number in range(160)],
        "speaker": ["A speaker with a very long name" if number % 2 else "Bo" for number in range(160)],
        "face_count": [number % 3 for number in range(160)],
        "split": ["test"] * 120 + ["train"] * 40,
    }
    table = scores(truth, dict.fromkeys(("text", "vision", "fused"), answers), **columns)
    before = scores(truth, dict.fromkeys(("text", "vision", "fused"), answers[1:] + answers[:1]), **columns)
    page = report.render(
        evaluation.evaluate(table, resamples=10), "x", "A note", against=comparison.compare(before, table)
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page)
    return path


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_cut_off(browser: Browser, page_file: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(page_file.as_uri())
    assert page.evaluate(CUT_OFF) == []
    for name in ("Rows", "95% interval", "Macro F1", "Accuracy", "Calibration error"):
        expect(page.locator(f'td[data-name="{name}"]').first).to_be_visible()
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_small_groups_are_grey_and_all_words_have_contrast(browser: Browser, page_file: Path, theme: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=theme)
    page.goto(page_file.as_uri())
    found = Axe().run(page, options=VIOLATIONS).response["violations"]
    assert {each["id"]: [node["html"][:200] for node in each["nodes"][:3]] for each in found} == {}
    colours, others = (
        set(
            page.locator(f"{rows} .bar i").evaluate_all(
                "all => all.map(each => getComputedStyle(each).backgroundColor)"
            )
        )
        for rows in ("tr.thin", "tr:not(.thin)")
    )
    assert len(colours) == len(others) == 1
    assert colours != others
    page.close()
