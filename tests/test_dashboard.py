"""The pages: in a real browser, against the Parquet that they show; and the questions behind them."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from streamlit.testing.v1 import AppTest

from emotionscope.dashboard import saving
from emotionscope.dashboard.archive import Archive, Totals
from emotionscope.dashboard.fetching import fetch
from emotionscope.dashboard.reasons import why_fused
from emotionscope.dashboard.selection import ColumnFilter, Selection
from emotionscope.errors import UserError
from emotionscope.fusion import Fusion
from emotionscope.io import tables
from emotionscope.labels import EMOTIONS, probability_columns
from tests.conftest import ROOT, copy_in, free_port, scores_of
from tests.s3 import wait_for
from tests.scores_tables import one_answer, scores
from tests.videos import draw_person, write_video

# Chromium's own calls home are refused here, and would only take time.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def archive(obvious: Path, scored: str) -> Archive:
    return Archive(scored, str(obvious / "keyframes"))


def test_filters_combine_as_they_do_on_the_table_itself(archive: Archive, scored: str) -> None:
    table = scores_of(scored).to_pandas()
    sure = table[probability_columns("fused")].max(axis=1)
    chosen = Selection(emotions=("joy", "anger"), certainty=0.5, search="NUMBER 2")
    wanted = table[
        table["fused_emotion"].isin(["joy", "anger"]) & (sure >= 0.5) & table["utterance"].str.contains("number 2")
    ]
    assert 0 < len(wanted) < len(table)
    assert archive.overview(chosen).totals.rows == len(wanted)

    def totals(**filters: bool) -> Totals:
        return archive.overview(Selection(**filters)).totals

    assert totals().dialogues == table["dialogue_id"].nunique()
    assert totals().with_faces == (table["face_count"] > 0).sum()
    assert totals(error=True) == Totals(0, 0, 0, 0, 0)
    disagree = (table["text_emotion"] != table["vision_emotion"]).sum()
    assert totals(disagreement=True).rows == totals().disagreements == disagree


def test_a_selection_is_exported_whole_in_each_form(archive: Archive, scored: str, tmp_path: Path) -> None:
    wanted = scores_of(scored).to_pandas().query("fused_emotion == 'fear'")
    chosen = Selection(emotions=("fear",))
    for kind in ("csv", "xlsx", "parquet"):
        archive.export(chosen, tmp_path / f"it's mine.{kind}")
    assert (tmp_path / "it's mine.csv").read_bytes().startswith("\ufeff".encode())  # by which Excel knows UTF-8
    parquet = pq.read_table(tmp_path / "it's mine.parquet").to_pandas()
    csv = pd.read_csv(tmp_path / "it's mine.csv")
    keys = ["dialogue_id", "utterance_id"]
    for found in (parquet, csv):
        assert sorted(map(tuple, found[keys].to_numpy())) == sorted(map(tuple, wanted[keys].to_numpy()))
    assert list(parquet.columns) == list(wanted.columns)
    with pytest.raises(FileExistsError):
        archive.export(chosen, tmp_path / "it's mine.csv")


def sheet(path: Path) -> list[list[str]]:
    """The cells of a workbook's only sheet as text."""
    spaces = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        rows = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).iterfind(".//s:row", spaces)
        return [["".join(cell.itertext()) for cell in row.iterfind("s:c", spaces)] for row in rows]


def test_a_text_that_a_spreadsheet_would_run_stays_a_text(tmp_path: Path) -> None:
    texts = ["=1+1", "@now", "+2", "fine", "“Zoë”"]
    table = scores(["joy"] * 5, {}, utterance=texts, Utterance=["x"] * 5)  # names that differ in case only, too
    tables.write_part(table, str(tmp_path / "scores" / "part.parquet"))
    archive = Archive(str(tmp_path / "scores"))
    for kind in ("csv", "xlsx", "parquet"):
        archive.export(Selection(), tmp_path / f"all.{kind}")
    csv = pd.read_csv(tmp_path / "all.csv")
    assert csv["utterance"].tolist() == ["'=1+1", "'@now", "'+2", "fine", "“Zoë”"]
    head, *rows = sheet(tmp_path / "all.xlsx")
    assert [[cell for cell in row if cell in texts] for row in rows] == [[text] for text in texts]
    assert pq.read_table(tmp_path / "all.parquet").column_names == table.column_names == list(csv.columns) == head


def test_rows_are_found_by_label_split_faces_range_and_the_utterance_before(tmp_path: Path) -> None:
    fused = [one_answer(emotion) for emotion in ("joy", "anger", "joy", "joy", "anger")]
    table = scores(
        ["Happy", "anger", "sad", None, "odd"], {"fused": fused}, split=["Training", "test", "test", None, "dev"],
        season=["1", "1", "it's 2", None, "1"], face_count=pa.array([0, 1, 2, 3, 0], pa.int32()),
    )  # fmt: skip
    table = table.set_column(0, "dialogue_id", pa.array(["a", "a", "a", "b", "b"]))
    tables.write_part(table, str(tmp_path / "scores" / "part.parquet"))
    archive = Archive(str(tmp_path / "scores"))
    selections = {
        Selection(labels=("joy",)): [0],
        Selection(wrong=True): [2],
        Selection(splits=("train", "dev")): [0, 4],
        Selection(faces=2): [2, 3],
        Selection(columns=(ColumnFilter("utterance_id", least=1, most=2),)): [1, 2],
        Selection(columns=(ColumnFilter("season", values=("it's 2",)),)): [2],
        Selection(emotions=("anger",), after=("joy",)): [1, 4],
    }
    for chosen, wanted in selections.items():
        assert archive.rows(chosen)["utterance_id"].tolist() == wanted
        copied = archive.sql(chosen, str(tmp_path / "scores"))
        assert sorted(duckdb.sql(copied).df()["utterance_id"]) == wanted
    shifts = archive.shifts(Selection())[["previous", "emotion", "rows"]].to_numpy().tolist()
    assert shifts == [["anger", "joy", 1], ["joy", "anger", 2]]


def test_a_fused_answer_that_neither_model_gave_is_explained() -> None:
    fusion = Fusion(1.0, 1.0, dict.fromkeys(EMOTIONS, 0.0))
    text, vision = np.full((2, 7), 0.02, np.float32)
    text[[0, 5]], vision[[4, 5]] = (0.5, 0.4), (0.5, 0.4)
    words = why_fused(fusion, text, vision)
    assert words is not None
    assert words.startswith("sadness is ahead of")
    assert "text" in words and "faces" in words and "Neither text nor faces alone say sadness" in words
    assert why_fused(fusion, text, np.full(7, np.nan, np.float32)) is None


def test_a_large_selection_is_written_where_the_pages_run(
    scored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(scores: str, exports: str) -> None:
        from emotionscope.dashboard import archive_page, parts

        archive_page.show(parts.Sources(exports=exports, scores=scores, query_uri=scores))

    monkeypatch.setattr(saving, "LARGE", 10)
    # Streamlit's trial puts the script in its place, which processes that are spawned later would look for.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    folder = tmp_path / "exports"
    app = AppTest.from_function(script, args=(scored, str(folder)), default_timeout=90).run()
    for kind in ("CSV", "PARQUET"):
        app = next(button for button in app.button if button.label == f"Save {kind}").click().run()
        assert not app.exception
    written = {path.suffix: path for path in folder.iterdir()}
    assert len(pd.read_csv(written[".csv"])) == len(pd.read_parquet(written[".parquet"])) == len(scores_of(scored))


def test_text_that_looks_like_sql_is_only_text(archive: Archive) -> None:
    nasty = "'; DROP VIEW scores; --"
    assert archive.overview(Selection(search=nasty, speakers=(nasty,), emotions=(nasty,))).totals.rows == 0
    assert archive.dialogues(nasty) == []
    assert archive.overview(Selection()).totals.rows > 0


def test_every_answered_row_counts_once(archive: Archive, scored: str) -> None:
    table = scores_of(scored).to_pandas()
    overview = archive.overview(Selection(model="text"))
    assert overview.by_position["rows"].sum() == len(table)
    speakers = overview.by_speaker.groupby("speaker")["rows"].sum().to_dict()
    assert speakers == table["speaker"].value_counts().to_dict()
    assert archive.overview(Selection(speakers=("Ann",))).totals.rows == speakers["Ann"]
    counts = overview.emotions.set_index("emotion")["rows"].to_dict()
    assert counts == table["text_emotion"].value_counts().to_dict()
    first = overview.by_position.query("position == 0").set_index("emotion")["rows"].to_dict()
    assert first == table.query("utterance_id < 3")["text_emotion"].value_counts().to_dict()
    pairs = overview.pairs.set_index(["text", "vision"])["rows"].to_dict()
    assert pairs == table[["text_emotion", "vision_emotion"]].dropna().value_counts().to_dict()


def test_an_archive_in_s3_answers_alike_there_and_as_a_copy(
    archive: Archive, scored: str, bucket: str, tmp_path: Path
) -> None:
    copy_in(Path(scored), f"{bucket}/scores")
    copy = fetch(f"{bucket}/scores", str(tmp_path))
    assert copy == str(tmp_path)
    chosen = Selection(emotions=("joy",), certainty=0.3)
    for there in (Archive(f"{bucket}/scores"), Archive(copy)):
        assert there.overview(chosen).totals == archive.overview(chosen).totals
        assert there.dialogue("d0001").equals(archive.dialogue("d0001"))


def test_one_file_in_s3_is_an_archive(scored: str, bucket: str, tmp_path: Path) -> None:
    uri = f"{bucket}/one/scores.parquet"
    tables.write_part(scores_of(scored), uri)
    copy = Archive(fetch(uri, str(tmp_path)))
    assert copy.overview(Selection()).totals.rows == scores_of(scored).num_rows


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Archive(str(tmp_path / "none"))


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
    expect(page.locator(".words")).to_have_text([(row["speaker"] or "") + row["utterance"] for row in rows])
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
    expect(page.get_by_text("There is nothing to score")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_model_page_shows_the_card_and_the_figures(page: Page, site: str, obvious: Path) -> None:
    version = (obvious / "bundle" / "README.md").read_text().split()[3]
    page.goto(f"{site}/model")
    expect(page.get_by_text(f"EmotionScope bundle {version}")).to_be_visible()
    expect(page.get_by_role("heading", name="Confusion")).to_be_visible()
    expect(page.get_by_role("heading", name="Calibration")).to_be_visible()
