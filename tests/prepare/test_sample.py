import csv
import io
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.prepare.meld import CLIP_FOLDERS, COLUMNS
from emotionscope.sample import release as sample
from emotionscope.sample.scenes import draw_clip, draw_frames

SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "release"
    sample.draw_release(str(folder), dialogues=4, seed=1, seconds=0.4)
    return folder


def rows(release: Path, split: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((release / f"{split}_sent_emo.csv").read_text("utf-8"))))


def clip(release: Path, split: str, row: dict[str, str]) -> Path:
    return release / CLIP_FOLDERS[split] / f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}.mp4"


def test_the_csvs_have_the_columns_and_line_ends_of_meld(release: Path) -> None:
    for split in SPLITS:
        content = (release / f"{split}_sent_emo.csv").read_bytes()
        assert content.startswith(",".join(COLUMNS).encode() + b"\r\n")
        assert content.count(b"\n") == content.count(b"\r\n") == len(rows(release, split)) + 1


def test_each_utterance_but_one_has_a_clip(release: Path) -> None:
    missing = [
        (split, row) for split in SPLITS for row in rows(release, split) if not clip(release, split, row).exists()
    ]
    assert [split for split, _ in missing] == ["dev"]
    assert len(list(release.rglob("dia*.mp4"))) == sum(len(rows(release, split)) for split in SPLITS) - 1
    assert list(release.rglob("._*.mp4"))


def test_one_clip_is_broken_and_the_others_are_encoded_as_melds(release: Path) -> None:
    broken = 0
    for path in release.rglob("dia*.mp4"):
        try:
            with av.open(str(path)) as file:
                video = file.streams.video[0]
                assert (video.width, video.height, video.codec_context.name) == (1280, 720, "h264")
                assert video.average_rate == sample.RATE
                assert sum(packet.is_keyframe for packet in file.demux(video) if packet.size) == 1
        except av.error.InvalidDataError:
            broken += 1
    assert broken == 1


def test_the_same_seed_draws_the_same_sample() -> None:
    first, again, other = (list(sample.write_script(3, seed, 0.4)) for seed in (5, 5, 6))
    assert first == again
    assert [line.row for line in first] != [line.row for line in other]
    assert draw_clip(first[0].take) == draw_clip(again[0].take)


def test_every_emotion_is_in_every_split_and_neutral_leads() -> None:
    lines = list(sample.write_script(64, 0, 1.0))
    for split in SPLITS:
        counts = Counter(str(line.row["Emotion"]) for line in lines if line.split == split)
        assert set(counts) == set(EMOTIONS)
        assert min(counts.values()) >= 4
        assert counts.most_common(1)[0][0] == "neutral"


def test_faces_and_words_err_independently() -> None:
    lines = list(sample.write_script(400, 0, 1.0))
    shown = Counter((line.row["Emotion"], line.take.emotion) for line in lines)
    wrong_face = sum(count for (true, face), count in shown.items() if true != face) / len(lines)
    assert 0.03 < wrong_face < 0.15
    said: dict[object, Counter[object]] = {}
    for line in lines:
        said.setdefault(line.row["Utterance"], Counter())[line.row["Emotion"]] += 1
    vague = [line.row["Utterance"] in {text for text, of in said.items() if len(of) > 2} for line in lines]
    weak = [line.take.strength < 0.9 for line in lines]
    assert 0.1 < np.mean(vague) < 0.4
    assert abs(np.corrcoef(vague, weak)[0, 1]) < 0.1


def speakers() -> list[np.ndarray]:
    """A frame of each of some takes whose speaker is in the picture."""
    takes = [line.take for line in sample.write_script(6, 2, 0.4) if line.take.speaker and not line.take.blur][:20]
    return [next(draw_frames(take))[0] for take in takes]


def test_the_haar_cascade_finds_the_drawn_faces() -> None:
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    grey = [cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (640, 360)) for frame in speakers()]
    found = [len(cascade.detectMultiScale(picture, 1.1, 5)) > 0 for picture in grey]
    assert np.mean(found) >= 0.9


def test_yunet_finds_the_drawn_faces(shared: Path) -> None:
    yunet = cv2.FaceDetectorYN.create(str(shared / "models/face_detection_yunet_2023mar.onnx"), "", (480, 270), 0.8)
    found = [yunet.detect(cv2.resize(frame, (480, 270)))[1] is not None for frame in speakers()]
    assert np.mean(found) >= 0.95


def test_a_folder_with_files_is_left_alone(release: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        sample.draw_release(str(release), dialogues=3, seed=0)


def test_fewer_dialogues_than_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 3"):
        sample.draw_release(str(tmp_path / "new"), dialogues=2, seed=0)
    assert not (tmp_path / "new").exists()
