"""A corpus of broken videos and tables: every row comes out, with faces or a reason, and nothing else is opened."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.commands import score
from emotionscope.errors import UserError
from emotionscope.runs import shards
from emotionscope.tables import datasets
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings
from emotionscope.video.sandbox import IsolatedFaces
from tests.helpers.videos import dialogues, numbered, write_video

VIDEOS, TABLES = 300, 50


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 300 videos that are broken in one way or another; playlists in it name a pipe outside of it."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "videos"
    folder.mkdir()
    os.mkfifo(root / "secret.mp4")
    good = [
        write_video(root / f"good{number}{suffix}", [numbered(n) for n in range(16)], **options).read_bytes()
        for number, (suffix, options) in enumerate(
            [
                (".mp4", {}),
                (".mkv", {}),
                (".mp4", {"container_options": {"movflags": "faststart"}, "audio": True}),
                (".avi", {"codec": "mpeg4"}),
            ]
        )
    ]
    rng = np.random.default_rng(0)
    contents: list[bytes] = []
    for number in range(120):  # cut short
        whole = good[number % len(good)]
        contents.append(whole[: int(len(whole) * rng.uniform(0, 1))])
    for number in range(120):  # bytes flipped, in the first ones in the header
        damaged = bytearray(good[number % len(good)])
        reach = 600 if number % 2 else len(damaged)
        for place in rng.integers(0, min(reach, len(damaged)), rng.integers(1, 60)):
            damaged[place] ^= int(rng.integers(1, 256))
        contents.append(bytes(damaged))
    secret = root / "secret.mp4"
    for scheme in ("", "file://", "concat:", "http://127.0.0.1:9/"):
        contents.append(f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{scheme}{secret}\n#EXT-X-ENDLIST\n".encode())
        contents.append(f"ffconcat version 1.0\nfile '{scheme}{secret}'\n".encode())
        contents.append(f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={scheme}{secret}\nm=video 5004 RTP/AVP 96\n".encode())
    contents += [b"", b"\0", b"hello", b"#!/bin/sh\ntouch /tmp/x\n", b"PAR1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]
    while len(contents) < VIDEOS:  # absurd headers and noise
        head = [
            b"\0\0\0\x18ftypmp42",
            b"RIFF\xff\xff\xff\xffAVI LIST",
            b"\x1aE\xdf\xa3",
            b"FLV\x01\x05",
            b"OggS",
            b"\0\0\x01\xba",
        ]
        contents.append(head[len(contents) % len(head)] + rng.bytes(int(rng.integers(0, 4000))))
    for number, content in enumerate(contents):
        suffix = (".mp4", ".mkv", ".avi", ".m3u8", ".txt", "")[number % 6]
        (folder / f"{number:03d}{suffix}").write_bytes(content)
    return folder


def test_of_300_broken_videos_each_is_a_row_with_its_reason_or_its_faces(corpus: Path) -> None:
    videos = sorted(path.name for path in corpus.iterdir())
    assert len(videos) == VIDEOS
    # The pipe has no writer: whoever opened it would stall, and say so.
    finder = IsolatedFaces(FaceSettings("haar", speakers="always"), seconds=30)
    try:
        result = keyframes.extract(dialogues(videos), str(corpus), finder)
    finally:
        finder.close()
    assert result["video"].to_pylist() == videos
    errors = result["video_error"].to_pylist()
    assert all(
        (error is None) != (found is None) for error, found in zip(errors, result["faces"].to_pylist(), strict=True)
    )
    reasons = [error for error in errors if error]
    assert 150 < len(reasons) < VIDEOS
    assert all(reason.startswith(("video ", "picture ")) for reason in reasons)
    assert not [reason for reason in reasons if "too long" in reason or "crashed" in reason or "failed" in reason]
    scripts = [error for name, error in zip(videos, errors, strict=True) if 240 <= int(name[:3]) < 252]
    assert all(error and error.startswith("video unreadable") for error in scripts)


def broken_tables() -> list[tuple[str, pa.Table | bytes]]:
    """Fifty tables, each with what is wrong with it."""
    texts = [f"Line {row}!" for row in range(4)]
    good = pa.table({"dialogue_id": list("aabb"), "utterance_id": range(4), "utterance": texts})
    found: list[tuple[str, pa.Table | bytes]] = []
    for name in ("dialogue_id", "utterance_id", "utterance"):
        found.append((f"{name} missing", good.drop_columns([name])))
        found.append((f"{name} renamed", good.rename_columns([n + "x" if n == name else n for n in good.column_names])))
        place = good.column_names.index(name)
        for kind in (pa.float64(), pa.bool_(), pa.binary(), pa.list_(pa.string()), pa.date32(), pa.null()):
            found.append((f"{name} {kind}", good.set_column(place, name, pa.nulls(4, kind))))
    for name in ("video", "start", "end", "speaker", "emotion", "split"):
        for values in ([1, 2, 3, 4], [b"a"] * 4, [["x"]] * 4):
            found.append((f"{name} {type(values[0]).__name__}", good.append_column(name, pa.array(values))))
    sink = pa.BufferOutputStream()
    pq.write_table(good, sink)
    whole = sink.getvalue().to_pybytes()
    found += [("bytes", whole[:cut]) for cut in (0, 4, len(whole) // 2, len(whole) - 1)]
    found += [("noise", b"PAR1" + bytes(range(256)) + b"PAR1"), ("text", b"dialogue_id,utterance_id\n1,2\n")]
    found.append(("no rows", good.slice(0, 0)))
    found.append(("twice a column", pa.table([*good.columns, good["utterance"]], [*good.column_names, "utterance"])))
    return found


def test_of_50_broken_tables_each_is_refused_in_one_line_or_read_whole(tmp_path: Path) -> None:
    cases = broken_tables()
    assert len(cases) >= TABLES
    refused: list[str] = []
    for number, (wrong, content) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        if isinstance(content, bytes):
            (folder / "part.parquet").write_bytes(content)
        else:
            pq.write_table(content, folder / "part.parquet")
        try:
            dataset = datasets.open_dataset(str(folder), "dialogues")
        except UserError as error:
            refused.append(str(error))
            continue
        read = [shards.read(shard, dataset.schema) for shard in shards.cut(dataset, 3)]
        assert sum(map(len, read)) == dataset.rows == 4, wrong
    assert len(refused) > 30
    assert all("\n" not in told for told in refused)


def test_hostile_texts_are_scored_and_come_out_as_they_went_in(tmp_path: Path, obvious: Path) -> None:
    texts = ["x" * 2**20, "\u202e\u0000\ufffd", "💥" * 5000, "a\nb\r\tc", "=cmd()", "<script>", " ", "ﷺ" * 1000]
    keys = {"dialogue_id": ["same"] * len(texts), "utterance_id": [7] * len(texts)}
    datasets.write_part(pa.table({**keys, "utterance": texts}), str(tmp_path / "in/part-0.parquet"))
    output = str(tmp_path / "out")
    score.run(score.Score(dialogues=str(tmp_path / "in"), bundle=str(obvious / "bundle"), output=output))
    read = datasets.read(datasets.open_dataset(output, "scores"))
    assert read["utterance"].to_pylist() == texts
    unread = [emotion is None for emotion in read["text_emotion"].to_pylist()]
    assert unread[texts.index(" ")]
    assert unread == [error is not None for error in read["error"].to_pylist()]
