"""The models in a notebook: tables out, the job's numbers, and the bundle that comes with the package."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import emotionscope
from emotionscope.bundle import model_card
from emotionscope.bundle import store as bundle_store
from emotionscope.commands import predict
from emotionscope.errors import RowError, UserError
from emotionscope.labels import EMOTIONS, probability_columns
from emotionscope.tables import datasets
from emotionscope.vision.pooling import attend, pool
from tests.conftest import ROOT as PROJECT
from tests.conftest import scores_of, shell
from tests.helpers.drawn_faces import drawn_face
from tests.helpers.videos import BLACK, GREEN, picture, write_video

ROOT = str(PROJECT)


@pytest.fixture(scope="module")
def shipped() -> emotionscope.Models:
    return emotionscope.load()


def test_the_shipped_text_model_knows_everyday_lines(shipped: emotionscope.Models) -> None:
    lines = {
        "I love it, thank you so much!": "joy",
        "Get out! I hate you!": "anger",
        "Oh my God! What?!": "surprise",
        "I'm so sorry, I miss her so much.": "sadness",
        "The bus leaves at ten.": "neutral",
    }
    answers = shipped.texts(list(lines))
    assert answers["emotion"].tolist() == list(lines.values())
    np.testing.assert_allclose(answers[list(EMOTIONS)].sum(axis=1), 1, atol=1e-5)


def test_a_missing_text_is_a_missing_answer(shipped: emotionscope.Models) -> None:
    answers = shipped.texts([None, "  ", "Hi"])
    assert answers["emotion"].isna().tolist() == [True, True, False]
    assert answers["joy"].isna().tolist() == [True, True, False]


def test_dialogues_in_a_frame_score_as_in_the_job(obvious: Path, scored: str) -> None:
    keyframes = datasets.read(datasets.open_dataset(str(obvious / "keyframes"), "keyframes"))
    frame = keyframes.drop_columns(["faces", "video_error"]).to_pandas()
    ours, theirs = emotionscope.load(obvious / "bundle").dialogues(frame), scores_of(scored).to_pandas()
    keys = ["dialogue_id", "utterance_id", "speaker", "split"]
    pd.testing.assert_frame_equal(ours[keys], theirs[keys])
    text = ["text_emotion", *probability_columns("text")]
    pd.testing.assert_frame_equal(ours[text], theirs[text], check_dtype=False, atol=1e-6)
    assert ours["vision_emotion"].isna().all()  # no videos were named


def test_a_clip_in_a_dialogue_scores_by_the_faces_that_the_clip_shows(obvious: Path, shared: Path) -> None:
    clips = shared / "data" / "clips"
    frame = pd.DataFrame(
        {"dialogue_id": ["d"], "utterance_id": [0], "utterance": [None], "video": ["dia29_utt4.mp4"]}
    ).astype({"utterance": "string"})
    with emotionscope.load(obvious / "bundle", speakers="always") as models:
        faces, scores = models.clip(clips / "dia29_utt4.mp4"), models.dialogues(frame, videos=clips)
    found = attend(*(faces[name].to_numpy(float) for name in ("quality", "person", "speaking")))
    pooled = pool(faces[list(EMOTIONS)].to_numpy(), found.weights)
    np.testing.assert_allclose(scores[probability_columns("vision")].to_numpy()[0], pooled, atol=1e-5)
    assert scores["speaker_person"].tolist() == [found.speaker]
    assert scores["listener_emotion"].notna().all()
    assert scores["text_emotion"].isna().all()
    assert scores["error"].isna().all()


def test_a_clip_gives_its_faces_with_time_and_person(obvious: Path, shared: Path) -> None:
    with emotionscope.load(obvious / "bundle") as models:
        faces = models.clip(shared / "data" / "clips" / "dia29_utt4.mp4")
        assert len(faces)
        assert faces["time"].is_monotonic_increasing
        assert (faces[["w", "h"]] > 0).all(axis=None)
        with pytest.raises(RowError, match="missing"):
            models.clip(shared / "nowhere.mp4")


def test_a_picture_is_a_path_bytes_or_an_array(tmp_path: Path) -> None:
    png = cv2.imencode(".png", cv2.cvtColor(face := drawn_picture(), cv2.COLOR_RGB2BGR))[1]
    (tmp_path / "face.png").write_bytes(png.tobytes())
    clear = np.dstack([face, np.full(face.shape[:2], 255, np.uint8)])
    given = (tmp_path / "face.png", png.tobytes(), face, face / 255, clear)
    with emotionscope.load() as models, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        first, *others = [models.image(picture) for picture in (*given, "~/face.png")]
        assert len(first)
        for found in others:
            pd.testing.assert_frame_equal(found, first)
        assert len(models.image(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)))
        for bad in (np.zeros((3, 4, 5)), np.full((9, 9), 300), "nowhere", 7, None):
            with pytest.raises((UserError, RowError)):
                models.image(bad)


def drawn_picture() -> NDArray[np.uint8]:
    """An RGB picture of one person."""
    return np.ascontiguousarray(picture((300, 130, 110, BLACK, GREEN))[:, :, ::-1])


def test_models_say_what_they_are(shipped: emotionscope.Models) -> None:
    assert "meld-ferplus" in repr(shipped) and shipped.bundle.version in repr(shipped)


def test_a_detector_that_does_not_exist_fails_at_once() -> None:
    with pytest.raises(UserError, match=r"mtcnn.*haar"):
        emotionscope.load(detector="mtcnn")


def test_a_long_call_shows_progress_on_a_terminal(
    shipped: emotionscope.Models, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped.texts(["Hi"])
    assert not capsys.readouterr().err
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    shipped.texts(["Hi"] * 30)
    assert "30/30" in capsys.readouterr().err


SCRIPT = """
import sys
import emotionscope
import multiprocessing

models = emotionscope.load()
print("faces", len(models.clip(sys.argv[1])))
with multiprocessing.get_context("fork").Pool(1) as pool:
    print("faces", len(pool.apply(models.clip, [sys.argv[1]])))
print("faces", len(models.clip(sys.argv[1])))
"""


@pytest.mark.parametrize("from_a_file", [True, False])
def test_a_plain_script_sees_faces_by_itself_and_in_a_worker(tmp_path: Path, from_a_file: bool) -> None:
    write_video(tmp_path / "dark.mp4", [np.zeros((96, 160, 3), np.uint8)] * 12)
    script, video = tmp_path / "script.py", tmp_path / "dark.mp4"
    script.write_text(SCRIPT)
    with script.open() as lines:
        command = [sys.executable, str(script) if from_a_file else "-", str(video)]
        done = subprocess.run(
            command, stdin=lines, capture_output=True, text=True, timeout=300, env=shell(PYTHONPATH=ROOT)
        )
    assert done.stdout == "faces 0\n" * 3
    assert not done.stderr


def test_the_lines_of_the_page_for_python_print_what_it_shows(tmp_path: Path) -> None:
    page = (Path(ROOT) / "docs" / "python.md").read_text()
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / "clips" / "interview.mp4", [np.zeros((96, 160, 3), np.uint8)] * 40)
    cv2.imwrite(str(tmp_path / "team.jpg"), np.zeros((96, 160, 3), np.uint8))
    blocks = re.findall(r"^```(python|text)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script = tmp_path / "page.py"
    script.write_text("\n".join(block for kind, block in blocks if kind == "python"))
    run = [sys.executable, str(script)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=shell(PYTHONPATH=ROOT))
    assert not done.stderr
    assert done.stdout == "".join(block for kind, block in blocks if kind == "text")


def test_faces_are_answered_by_name(obvious: Path) -> None:
    models = emotionscope.load(obvious / "bundle")
    answers = models.faces([drawn_face(k) for k in range(3)])
    assert set(answers["emotion"]) <= set(EMOTIONS)
    np.testing.assert_allclose(answers[list(EMOTIONS)].sum(axis=1), 1, atol=1e-5)


def test_lines_of_a_file_are_answered_and_never_read_as_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines.txt").write_text("\ufeffI love you!\n\n[bold]No[/bold]\n", encoding="utf-8")
    predict.run(predict.Predict(lines=str(tmp_path / "lines.txt")))
    told = capsys.readouterr().out
    assert "come with EmotionScope" in told
    assert "[bold]No[/bold]" in told
    assert "joy" in told


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "--text"),
        ({"lines": "nowhere"}, "cannot be read"),
        ({"clip": ("nowhere.mp4",)}, "nowhere.mp4: video missing"),
    ],
)
def test_what_cannot_be_answered_is_one_line(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        predict.run(predict.Predict(**settings))


def test_the_shipped_bundle_is_small_and_its_card_tells_its_limits() -> None:
    folder = Path(bundle_store.SHIPPED)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 30e6
    manifest = bundle_store.read_manifest(bundle_store.SHIPPED)
    assert (folder / "README.md").read_text() == model_card.render(manifest)
    assert "Not for decisions about people" in (folder / "README.md").read_text()
