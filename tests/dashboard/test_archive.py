"""The queries behind the pages, against the Parquet that they show."""

import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from emotionscope.dashboard import saving
from emotionscope.dashboard.fetching import fetch
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.overview import Totals
from emotionscope.dashboard.queries.selection import ColumnFilter, Selection
from emotionscope.dashboard.reasons import why_fused
from emotionscope.errors import JobError, UserError
from emotionscope.fusion import Fusion
from emotionscope.labels import EMOTIONS, probability_columns
from emotionscope.storage import s3
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.conftest import copy_in, scores_of
from tests.helpers.faulty_s3 import FaultyS3, faulty
from tests.helpers.s3 import S3Server
from tests.helpers.scores_tables import one_answer, scores


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
    datasets.write_part(table, str(tmp_path / "scores" / "part.parquet"))
    archive = Archive(str(tmp_path / "scores"))
    for kind in ("csv", "xlsx", "parquet"):
        archive.export(Selection(), tmp_path / f"all.{kind}")
    csv = pd.read_csv(tmp_path / "all.csv")
    assert csv["utterance"].tolist() == ["'=1+1", "'@now", "'+2", "fine", "“Zoë”"]
    head, *rows = sheet(tmp_path / "all.xlsx")
    assert [[cell for cell in row if cell in texts] for row in rows] == [[text] for text in texts]
    with zipfile.ZipFile(tmp_path / "all.xlsx") as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<autoFilter" in page and 'customWidth="1"' in page
    assert pq.read_table(tmp_path / "all.parquet").column_names == table.column_names == list(csv.columns) == head


def test_no_name_of_a_column_and_no_bytes_are_run_by_a_spreadsheet(tmp_path: Path) -> None:
    cells = [b"=1+1", b"fine", None]
    table = scores(["joy"] * 3, {}, **{"=1+2": cells, "@sum": pa.array(["-1", "＝1", "\n=1"]).dictionary_encode()})
    table = table.append_column("-x", pa.array([-1.5, 2.0, None])).append_column("list", pa.array([["=1"], [], None]))
    datasets.write_part(table, str(tmp_path / "scores" / "part.parquet"))
    Archive(str(tmp_path / "scores")).export(Selection(), tmp_path / "all.csv")
    csv = pd.read_csv(tmp_path / "all.csv")
    assert list(csv.columns)[-4:] == ["'=1+2", "'@sum", "'-x", "list"]
    assert csv["'=1+2"].tolist()[:2] == ["'=1+1", "fine"]
    assert csv["'@sum"].tolist() == ["'-1", "'＝1", "'\n=1"]
    assert csv["'-x"].tolist()[:2] == [-1.5, 2.0]


def test_rows_are_found_by_label_split_faces_range_and_the_utterance_before(tmp_path: Path) -> None:
    fused = [one_answer(emotion) for emotion in ("joy", "anger", "joy", "joy", "anger")]
    table = scores(
        ["Happy", "anger", "sad", None, "odd"], {"fused": fused}, split=["Training", "test", "test", None, "dev"],
        season=["1", "1", "it's 2", None, "1"], face_count=pa.array([0, 1, 2, 3, 0], pa.int32()),
    )  # fmt: skip
    table = table.set_column(0, "dialogue_id", pa.array(["a", "a", "a", "b", "b"]))
    datasets.write_part(table, str(tmp_path / "scores" / "part.parquet"))
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


def test_shifts_are_the_same_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    emotions = ["joy", "anger", "joy", "joy", "fear", "neutral"]
    answers = [one_answer(emotion) for emotion in emotions]
    table = scores(emotions, {"text": answers, "fused": answers}).drop_columns(["dialogue_id", "utterance_id"])
    for name, order in (("sorted", [0, 1, 2, 3, 4, 5]), ("mixed", [4, 2, 0, 5, 3, 1]), ("apart", [3, 4, 0, 1, 2, 5])):
        keyed = table.append_column("dialogue_id", pa.array(list("aaabbb"))).append_column(
            "utterance_id", pa.array([0, 1, 5] * 2)
        )
        datasets.write_part(keyed.take(order), f"{tmp_path}/{name}/part-0.parquet")
        archive = Archive(f"{tmp_path}/{name}")
        assert archive.is_in_order == (name == "sorted")
        found = archive.shifts(Selection())[["previous", "emotion", "rows"]].to_numpy().tolist()
        assert found == [["anger", "joy", 1], ["fear", "neutral", 1], ["joy", "anger", 1], ["joy", "fear", 1]]


def test_words_are_found_whatever_their_case_and_signs(tmp_path: Path) -> None:
    texts = ["Été? (50%) \\d+ [no]", "ÉTÉ? (50%) \\D+ [NO]", "ete 50 d no", None, "it's a\nnew line"]
    answers = [one_answer("joy")] * len(texts)
    table = scores(["joy"] * len(texts), {"text": answers, "fused": answers}, utterance=texts)
    datasets.write_part(table, f"{tmp_path}/part-0.parquet")
    archive = Archive(str(tmp_path))

    def found(words: str) -> list[str]:
        return list(archive.rows(Selection(search=words))["utterance"])

    assert found("été? (50%) \\d+ [") == texts[:2]
    assert found(".*") == []
    assert found("IT'S A\nNEW") == texts[4:]
    query = archive.sql(Selection(search="it's"), str(tmp_path))
    assert duckdb.sql(query).df()["utterance"].tolist() == texts[4:]


def test_a_fused_answer_that_neither_model_gave_is_explained() -> None:
    fusion = Fusion(0.9, 0.9, dict.fromkeys(EMOTIONS, 1 / 7))
    text, vision = np.full((2, 7), 0.02, np.float32)
    text[[0, 5]], vision[[4, 5]] = (0.5, 0.4), (0.5, 0.4)
    words = why_fused(fusion, text, vision, np.nan)
    assert words is not None
    assert words.startswith("sadness is ahead of")
    assert "text" in words and "faces" in words and "Neither text nor faces alone say sadness" in words
    assert why_fused(fusion, text, np.full(7, np.nan, np.float32), np.nan) is None


def test_a_large_selection_is_written_where_the_pages_run(
    scored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(scores: str, exports: str) -> None:
        from emotionscope.dashboard import shared
        from emotionscope.dashboard.pages import archive_page

        archive_page.show(shared.Sources(exports=exports, scores=scores, query_uri=scores))

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


@pytest.fixture
def through(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[FaultyS3], None]]:
    """Lets this process, which has one client and its server's address, ask a proxy instead."""

    def ask(proxy: FaultyS3) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        s3.filesystem.cache_clear()

    yield ask
    s3.filesystem.cache_clear()


def test_a_copy_from_a_store_that_ends_its_answers_early_is_whole_or_told(
    bucket: str, s3_server: S3Server, through: Callable[[FaultyS3], None], tmp_path: Path
) -> None:
    table, there, copy = scores(["joy"] * 500, {}), tmp_path / "there", tmp_path / "copy"
    for number in range(4):
        datasets.write_part(table.slice(100 * number), str(there / f"more/part-{number}.parquet"))
    Place(there / "_summary.json").write_json({"job": "score"})
    copy_in(there, f"{bucket}/scores")
    copy.mkdir()
    address = s3_server.variables["AWS_ENDPOINT_URL"]
    with faulty(address, seed=3, share=0.3, first=30, kinds=["short"]) as proxy:
        through(proxy)
        fetch(f"{bucket}/scores", str(copy))
        assert proxy.seen["short"]
    copied = [file for file in copy.rglob("*.*") if file.is_file()]
    assert len(copied) == 5
    assert all(file.read_bytes() == (there / file.relative_to(copy)).read_bytes() for file in copied)
    with faulty(address, seed=3, share=1, kinds=["short"]) as proxy:
        through(proxy)
        with pytest.raises(JobError, match="ends its answers early"):
            fetch(f"{bucket}/scores", str(copy))


def test_one_file_in_s3_is_an_archive(scored: str, bucket: str, tmp_path: Path) -> None:
    uri = f"{bucket}/one/scores.parquet"
    datasets.write_part(scores_of(scored), uri)
    copy = Archive(fetch(uri, str(tmp_path)))
    assert copy.overview(Selection()).totals.rows == scores_of(scored).num_rows


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Archive(str(tmp_path / "none"))
