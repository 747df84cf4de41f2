import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from emotionscope.commands import prepare_meld
from emotionscope.errors import UserError
from emotionscope.prepare import meld
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.conftest import copy_in

SPLITS = ("train", "dev", "test")
WHOLE = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08mdat" + b"\0\0\0\x08moov"
BROKEN = WHOLE[:-8]


def line(dialogue: int, utterance: int, **changes: str) -> dict[str, str]:
    values = ("1", "Hello.", "Nora", "joy", "positive", str(dialogue), str(utterance), "2", "3", "00:00:01,000")
    return dict(zip(meld.COLUMNS, (*values, "0:00:02,500"), strict=True)) | changes


def write_csv(folder: Path, split: str, *lines: dict[str, str], encoding: str = "utf-8") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{split}_sent_emo.csv", "w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def write_clip(folder: Path, split: str, name: str, content: bytes = WHOLE) -> Path:
    path = folder / meld.CLIP_FOLDERS[split] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(folder: Path, duplicate_clips: str = "plain") -> list[dict[str, Any]]:
    return list(meld.read_release(str(folder), duplicate_clips).table.to_pylist())


def test_the_real_csvs_are_read_whole(shared: Path) -> None:
    release = meld.read_release(str(shared / "data/meld"))
    table = release.table.to_pylist()
    assert release.facts["rows"] == {"train": 9989, "dev": 1109, "test": 2610}
    assert len({(row["dialogue_id"], row["utterance_id"]) for row in table}) == 13708
    assert not any(row["clip_start"] is None or row["clip_end"] is None for row in table)
    named = " ".join(release.facts["suspicious_times"])
    assert "test-dia38_utt4 (304.94 s)" in named
    assert "test-dia155_utt3 (0.00 s)" in named
    assert release.facts["rows_with_repaired_characters"] == 0


def test_real_clips_join_their_rows(shared: Path, tmp_path: Path) -> None:
    with open(shared / "data/clips/labels.csv", newline="", encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    for split in SPLITS:
        shutil.copy(shared / f"data/meld/{split}_sent_emo.csv", tmp_path)
    for label in labels:
        write_clip(tmp_path, label["split"], label["file"], (shared / "data/clips" / label["file"]).read_bytes())
    release = meld.read_release(str(tmp_path))
    joined = {(row["split"], row["utterance"], row["emotion"]) for row in release.table.to_pylist() if row["video"]}
    assert len(release.table) == 13708
    assert joined == {(label["split"], label["Utterance"], label["Emotion"]) for label in labels}
    assert release.facts["unreadable_videos"] == []


def test_the_table_is_a_dialogues_table_in_order_of_split_dialogue_and_utterance(tmp_path: Path) -> None:
    write_csv(tmp_path / "release", "test", line(0, 1))
    write_csv(tmp_path / "release", "train", line(10, 0), line(2, 3), line(2, 1))
    output = tmp_path / "dialogues"
    prepare_meld.run(prepare_meld.PrepareMeld(meld=str(tmp_path / "release"), output=str(output)))
    table = datasets.read(datasets.open_dataset(str(output), "dialogues"))
    keys = list(zip(table["dialogue_id"].to_pylist(), table["utterance_id"].to_pylist(), strict=True))
    assert keys == [("train-dia2", 1), ("train-dia2", 3), ("train-dia10", 0), ("test-dia0", 1)]
    assert not {"start", "end"} & set(table.column_names)
    assert Place(str(output / "_summary.json")).read_json()["rows"] == {"train": 3, "test": 1}


def test_quotes_and_dashes_of_old_releases_are_repaired(tmp_path: Path) -> None:
    write_csv(tmp_path, "dev", line(0, 0, Utterance="I\x92m\xa0fine \x96 \x93really\x94\x85 caf\xe9"), line(0, 1))
    release = meld.read_release(str(tmp_path))
    assert release.table["utterance"][0].as_py() == "I’m fine – “really”… café"
    assert release.facts["rows_with_repaired_characters"] == 1


@pytest.mark.parametrize(
    ("time", "expected"),
    [("00:16:16,059", 976.059), ("1:00:02,500", 3602.5), ("00:06:47,28", 407.28), ("soon", None), ("00:06:47", None)],
)
def test_times_in_all_of_melds_formats(time: str, expected: float | None) -> None:
    assert meld.seconds(time) == (pytest.approx(expected) if expected else None)


def test_a_time_that_cannot_be_read_is_null_and_counted(tmp_path: Path) -> None:
    write_csv(tmp_path, "train", line(0, 0, EndTime="later"))
    release = meld.read_release(str(tmp_path))
    assert (release.table["clip_start"][0].as_py(), release.table["clip_end"][0].as_py()) == (1.0, None)
    assert release.facts["times_unreadable"] == 1


def test_csvs_are_found_where_downloads_put_them(tmp_path: Path) -> None:
    write_csv(tmp_path / "MELD.Raw/train", "train", line(0, 0))
    write_csv(tmp_path / "MELD.Raw", "dev", line(0, 0))
    write_csv(tmp_path / "data/MELD", "dev", line(0, 0))  # the same again does no harm
    assert [row["split"] for row in rows(tmp_path)] == ["train", "dev"]


def test_missing_broken_and_surplus_clips_are_accounted_for(tmp_path: Path) -> None:
    write_csv(tmp_path, "train", line(0, 0), line(0, 1), line(0, 2))
    good = write_clip(tmp_path, "train", "dia0_utt0.mp4")
    broken = write_clip(tmp_path, "train", "dia0_utt1.mp4", BROKEN)
    surplus = write_clip(tmp_path, "train", "dia7_utt7.mp4")
    write_clip(tmp_path, "train", "._dia0_utt2.mp4")
    (tmp_path / "holiday.mp4").write_bytes(WHOLE)
    release = meld.read_release(str(tmp_path))
    assert release.table["video"].to_pylist() == [str(good), str(broken), None]
    assert release.facts["without_video"] == ["train-dia0_utt2"]
    assert release.facts["unreadable_videos"] == [str(broken)]
    assert release.facts["clips_without_row"] == [str(surplus)]
    assert release.facts["other_videos"] == ["holiday.mp4"]


def test_the_same_ids_in_two_splits_are_different_utterances(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_csv(tmp_path, split, line(0, 0))
        write_clip(tmp_path, split, "dia0_utt0.mp4")
    assert ["train_splits" in row["video"] for row in rows(tmp_path)] == [True, False]


def test_the_setting_chooses_between_twins(tmp_path: Path) -> None:
    write_csv(tmp_path, "test", line(0, 0), line(0, 1))
    write_clip(tmp_path, "test", "dia0_utt0.mp4")
    write_clip(tmp_path, "test", "final_videos_testdia0_utt0.mp4")
    write_clip(tmp_path, "test", "final_videos_testdia0_utt1.mp4")
    assert [Path(row["video"]).name for row in rows(tmp_path)] == ["dia0_utt0.mp4", "final_videos_testdia0_utt1.mp4"]
    assert Path(rows(tmp_path, "final")[0]["video"]).name == "final_videos_testdia0_utt0.mp4"


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([line(0, 0), line(0, 0)], "line 3: repeats dialogue 0, utterance 0"),
        ([line(0, 0, Utterance_ID="one")], "'one'"),
        ([{name: value for name, value in line(0, 0).items() if name != "Speaker"}], "lacks the column Speaker"),
    ],
)
def test_a_csv_that_is_wrong_is_refused_by_name(tmp_path: Path, lines: list[dict[str, str]], complaint: str) -> None:
    write_csv(tmp_path, "dev", *lines)
    with pytest.raises(UserError, match=complaint) as raised:
        meld.read_release(str(tmp_path))
    assert "dev_sent_emo.csv" in str(raised.value)


def test_an_unknown_emotion_is_kept_and_counted(tmp_path: Path) -> None:
    write_csv(tmp_path, "dev", line(0, 0, Emotion=" Boredom"), line(0, 1, Emotion=""), line(0, 2, Emotion="Happy"))
    assert [row["emotion"] for row in rows(tmp_path)] == ["Boredom", None, "joy"]
    assert meld.read_release(str(tmp_path)).facts["emotions_unknown"] == 2


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path, "dev", line(0, 0, Utterance="It’s"), encoding="cp1252")
    with pytest.raises(UserError, match="not UTF-8"):
        meld.read_release(str(tmp_path))


def test_two_different_csvs_or_clips_of_one_split_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "old", "dev", line(0, 0))
    write_csv(tmp_path / "new", "dev", line(0, 0, Emotion="fear"))
    with pytest.raises(UserError, match="differ"):
        meld.read_release(str(tmp_path))
    shutil.rmtree(tmp_path / "old")
    for folder in ("a", "b"):
        write_clip(tmp_path / folder, "dev", "dia0_utt0.mp4")
    with pytest.raises(UserError, match="one utterance"):
        meld.read_release(str(tmp_path))


def test_a_folder_without_csvs_and_a_used_output_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is it a MELD release"):
        meld.read_release(str(tmp_path / "empty"))
    write_csv(tmp_path / "release", "dev", line(0, 0))
    used = tmp_path / "used"
    used.mkdir()
    (used / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        prepare_meld.run(prepare_meld.PrepareMeld(meld=str(tmp_path / "release"), output=str(used)))
    assert [path.name for path in used.iterdir()] == ["thesis.txt"]


def test_a_release_in_s3_gives_videos_in_s3(tmp_path: Path, bucket: str) -> None:
    write_csv(tmp_path, "dev", line(0, 0), line(0, 1))
    write_clip(tmp_path, "dev", "dia0_utt0.mp4")
    write_clip(tmp_path, "dev", "dia0_utt1.mp4", BROKEN)
    copy_in(tmp_path, f"{bucket}/meld")
    summary = prepare_meld.run(prepare_meld.PrepareMeld(meld=f"{bucket}/meld", output=f"{bucket}/dialogues"))
    table = datasets.read(datasets.open_dataset(f"{bucket}/dialogues", "dialogues"))
    first = f"{bucket}/meld/{meld.CLIP_FOLDERS['dev']}/dia0_utt0.mp4"
    assert table["video"].to_pylist()[0] == first
    assert Place(first).read_bytes() == WHOLE
    assert len(summary["unreadable_videos"]) == 1
