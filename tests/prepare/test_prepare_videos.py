"""A folder of videos becomes a dialogues table, and what is not used is told with its reason."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emotionscope.commands import prepare_videos
from emotionscope.errors import RowError, UserError
from emotionscope.prepare import videos
from emotionscope.prepare.videos import Account
from emotionscope.runs import claim as claims
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.video.length import Length, length
from tests.conftest import copy_in
from tests.helpers.videos import numbered, write_video

SRT = "1\n00:00:01,000 --> 00:00:02,000\nANNA: {}\n"


def folder(path: Path, **files: str | bytes) -> str:
    """A folder of files by their names, in which __ stands for a slash."""
    for name, content in files.items():
        place = path / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def prepare(
    place: str, texts: str | None = None, window: float = 5.0, seconds: float | None = 12.0
) -> tuple[list[dict[str, Any]], Account]:
    """The rows and the account of a folder whose videos are all `seconds` long, or cannot be read."""

    def lengths(uris: Iterable[str]) -> Iterator[Length]:
        return (Length(seconds, None if seconds else "video unreadable: noise") for _ in uris)

    account = Account()
    made = videos.tables(videos.find(place, texts, account), window, lengths, account)
    return pa.concat_tables(made).to_pylist(), account


def said(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    return {row["video"]: row["utterance"] for row in rows}


def test_a_cue_is_an_utterance_of_its_video(tmp_path: Path) -> None:
    srt = SRT.format("Hello.") + "\n2\n00:00:02,000 --> 00:00:03,500\nBye.\n"
    rows, account = prepare(folder(tmp_path, **{"season__film.mp4": b"", "season__film.srt": srt}))
    video = {"dialogue_id": "season/film.mp4", "video": "season/film.mp4"}
    assert rows == [
        {**video, "utterance_id": 0, "utterance": "Hello.", "start": 1.0, "end": 2.0, "speaker": "ANNA"},
        {**video, "utterance_id": 1, "utterance": "Bye.", "start": 2.0, "end": 3.5, "speaker": None},
    ]
    assert (account.videos, account.utterances, account.with_speaker, account.transcripts) == (1, 2, 1, {".srt": 1})


def test_a_transcript_is_found_by_its_name(tmp_path: Path) -> None:
    names = ("plain.srt", "whole.mp4.srt", "english.en.srt", "english.de.srt", "both.en.srt", "both.vtt", "a__same.srt")
    films = (
        "plain.mp4",
        "whole.mp4",
        "english.MKV",
        "both.mov",
        "a__same.avi",
        "b__same.avi",
        "film.mp4",
        "film.en.mp4",
    )
    files = {name: SRT.format(name) for name in (*names, "film.en.srt", "film.part2.srt", "none.srt")}
    rows, account = prepare(folder(tmp_path, **dict.fromkeys(films, ""), **files, **{"readme.txt": ""}), window=12)
    assert said(rows) == {
        "plain.mp4": "plain.srt",
        "whole.mp4": "whole.mp4.srt",
        "english.MKV": "english.en.srt",
        "both.mov": "both.vtt",
        "a/same.avi": "a__same.srt",
        "b/same.avi": None,
        "film.mp4": None,
        "film.en.mp4": "film.en.srt",
    }
    assert sorted(account.spare_transcripts) == ["both.en.srt", "english.de.srt"]
    assert account.stray_transcripts == ["film.part2.srt", "none.srt"]
    assert account.windowed == ["b/same.avi", "film.mp4"]
    assert account.other_files == 1


def test_transcripts_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    films = folder(tmp_path / "films", **dict.fromkeys(("a__one.mp4", "a__two.mp4", "b__two.mp4", "a__one.srt"), ""))
    texts = folder(tmp_path / "texts", **{name: SRT.format(name) for name in ("one.srt", "two.srt", "b__two.json.srt")})
    rows, account = prepare(films, texts, window=12)
    assert said(rows) == {"a/one.mp4": "one.srt", "a/two.mp4": None, "b/two.mp4": "b__two.json.srt"}
    assert account.stray_transcripts == ["two.srt"]


def test_without_a_transcript_windows_cover_the_video(tmp_path: Path) -> None:
    place = folder(tmp_path, **{"film.mp4": ""})
    spans = [(row["start"], row["end"], row["utterance"]) for row in prepare(place)[0]]
    assert spans == [(0.0, 5.0, None), (5.0, 12.0, None)]
    assert [(row["start"], row["end"]) for row in prepare(place, seconds=2.0)[0]] == [(0.0, 2.0)]


def test_an_unreadable_video_keeps_its_rows(tmp_path: Path) -> None:
    place = folder(tmp_path, **{"film.mp4": "", "film.srt": SRT.format("Hi."), "mute.mp4": ""})
    rows, account = prepare(place, seconds=None)
    assert [(row["utterance"], row["start"]) for row in rows] == [("Hi.", 1.0), (None, None)]
    assert account.unreadable_videos == ["film.mp4: video unreadable: noise", "mute.mp4: video unreadable: noise"]
    assert account.windowed == []


def test_what_is_wrong_with_transcripts_is_told(tmp_path: Path) -> None:
    cues = (
        "0:0:20,0 --> 0:0:19,0\nLate.",
        "0:0:1,0 --> 0:0:2,0\nCaf\xe9?",
        "0:0:x --> 0:0:2\nLost.",
        "0:0:3,0 --> 0:0:4,0\n",
    )
    srt = "\n\n".join(cues)
    files = {"a.srt": srt.encode("latin-1"), "b.json": "{}", "b.csv": "start,end,text\n-1,2,Hi.\n", "c.srt": ""}
    rows, account = prepare(folder(tmp_path, **{"a.mp4": "", "b.mp4": "", "c.mp4": "", **files}))
    assert [row["utterance"] for row in rows] == ["Café?", "Late.", "Hi.", None, None]
    assert account.not_unicode == ["a.srt: windows-1252"]
    assert account.cues_left_out == ["a.srt, line 7: its times cannot be read (Lost.)"]
    assert account.cues_outside == ["a.mp4: 1 after its end at 12.0 s"]
    assert [name.partition(":")[0] for name in account.unreadable_transcripts] == ["b.json", "c.srt"]
    counts = (account.cues_without_text, account.cues_reordered, account.cues_backwards, account.cues_clipped)
    assert counts == (1, 1, 1, 1)


def test_what_is_said_comes_before_signs_and_songs_and_pictures_are_no_text(tmp_path: Path) -> None:
    cut = ("film.en.forced.srt", "film.commentary.srt", "film.en.srt", "film.chapters.vtt", "film.thumbnails.vtt")
    names = (*cut, "film.lrc", "film.txt", "notes.txt")
    rows, account = prepare(folder(tmp_path, **{"film.mp4": ""}, **{name: SRT.format(name) for name in names}))
    assert said(rows) == {"film.mp4": "film.en.srt"}
    assert sorted(account.spare_transcripts) == ["film.commentary.srt", "film.en.forced.srt"]
    assert account.no_speech == ["film.chapters.vtt", "film.thumbnails.vtt"]
    assert account.unread_formats == ["film.lrc", "film.txt"]
    assert account.other_files == 1


def test_names_with_accents_are_the_same_composed_or_not(tmp_path: Path) -> None:
    apart, together = (unicodedata.normalize(form, "Gespräch") for form in ("NFD", "NFC"))
    rows, account = prepare(folder(tmp_path, **{f"{together}.mp4": "", f"{apart}.srt": SRT.format("Hi.")}))
    assert said(rows) == {f"{together}.mp4": "Hi."}
    assert not account.stray_transcripts


def test_milliseconds_and_missing_ends_go_by_the_length_of_the_video(tmp_path: Path) -> None:
    files = {"a.csv": "start,end,text\n1000,2500,Hi.\n3000,,Bye.\n", "b.csv": "start,end,text\n1,2,Hi.\n"}
    rows, account = prepare(folder(tmp_path, **{"a.mp4": "", "b.mp4": "", **files}))
    assert [(row["start"], row["end"]) for row in rows] == [(1.0, 2.5), (3.0, 12.0), (1.0, 2.0)]
    assert (account.milliseconds, account.cues_without_end) == (["a.csv"], 1)


def test_a_named_encoding_counts_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "in", **{"a.mp4": "", "a.srt": SRT.format("Ä").encode("cp850")})
    job = partial(prepare_videos.PrepareVideos, videos=place)
    prepare_videos.run(job(output=str(tmp_path / "out"), encoding="cp850"))
    assert datasets.read(datasets.open_dataset(str(tmp_path / "out"), "dialogues"))["utterance"].to_pylist() == ["Ä"]
    with pytest.raises(UserError, match="--encoding klingon"):
        prepare_videos.run(job(output=str(tmp_path / "none"), encoding="klingon"))


def test_a_folder_without_a_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no video in it"):
        prepare(folder(tmp_path, **{"film.srt": ""}))
    with pytest.raises(UserError, match="no such folder"):
        prepare(str(tmp_path / "none"))


def test_a_stopped_job_is_run_again_and_another_output_is_kept(tmp_path: Path) -> None:
    films = folder(tmp_path / "films", **{"a.mp4": "noise", "a.srt": SRT.format("Hello.")})
    settings = prepare_videos.PrepareVideos(videos=films, output=str(tmp_path / "out"))
    prepare_videos.run(settings)
    with pytest.raises(UserError, match="is finished"):
        prepare_videos.run(settings)
    # As after a kill before the summary.
    output = Place(settings.output)
    claims.take(output, claims.facts("prepare_videos", (output / "_summary.json").read_json()["settings"]))
    (output / "_summary.json").delete()
    (tmp_path / "out" / "part-00007.parquet").write_bytes(b"of a run with more films")
    prepare_videos.run(settings)
    assert len(datasets.read(datasets.open_dataset(settings.output, "dialogues"))) == 1


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_the_length_of_a_video_is_that_of_its_frames(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, map(numbered, range(36)), first=3.0)
    with open(tmp_path / name, "rb") as stream:
        assert length(stream) == pytest.approx(1.5, abs=0.1)


def test_a_file_that_is_no_video_has_no_length(tmp_path: Path) -> None:
    folder(tmp_path, **{"film.mp4": "ftyp" * 99})
    with open(tmp_path / "film.mp4", "rb") as stream, pytest.raises(RowError, match="video unreadable"):
        length(stream)


def test_the_job_writes_a_dialogues_table_from_s3(
    tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, **{"a.srt": SRT.format("Hello."), "b.mp4": "noise"})
    write_video(tmp_path / "a.mp4", map(numbered, range(24)))
    copy_in(tmp_path, f"{bucket}/films")
    output = f"{bucket}/dialogues"
    prepare_videos.run(prepare_videos.PrepareVideos(videos=f"{bucket}/films", output=output))
    table = datasets.read(datasets.open_dataset(output, "dialogues"))
    assert table["utterance"].to_pylist() == ["Hello.", None]
    assert "b.mp4: video unreadable" in capsys.readouterr().out
    assert Place(f"{output}/_summary.json").read_json()["cues_outside"] == ["a.mp4: 1 after its end at 1.0 s"]
