"""On real film a person is one through cuts and scenes, by the face; what tells it is given out only where asked."""

from pathlib import Path

import pytest

from benchmarks.films import RATE, encode
from emotionscope.video.faces import Face, FaceSettings, Found, Utterance
from emotionscope.video.video_faces import VideoFaces
from tests.conftest import SHARED

CLIPS = SHARED / "data" / "clips"
# Clips, the speaker in them by MELD's names, and about where the speaker's face begins, in pixels from the left.
SCENES = [("dia12_utt12", "Chandler", 572), ("dia169_utt19", "Phoebe", 446), ("dia29_utt4", "Chandler", 739)]
FRAMES = 22, 43, 32
NEAR = 60  # pixels


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three scenes."""
    if not CLIPS.is_dir():
        pytest.skip("the real clips are not there")
    made = tmp_path_factory.mktemp("film") / "film.mp4"
    encode([CLIPS / f"{name}.mp4" for name, *_ in SCENES], made, -(-sum(FRAMES) // RATE), RATE, 720)
    return made


def scenes(film: Path, settings: FaceSettings) -> list[list[Face]]:
    starts = [sum(FRAMES[:n]) / RATE for n in range(len(FRAMES) + 1)]
    spans = [Utterance((starts[n], starts[n + 1]), spoken=False) for n in range(len(FRAMES))]
    found = VideoFaces(settings).of_file(film.name, str(film.parent), spans)
    return [each.faces for each in found if isinstance(each, Found)]


def test_a_person_has_one_number_in_two_scenes_and_another_has_another(film: Path) -> None:
    who: dict[str, set[int | None]] = {}
    for (_, name, left), faces in zip(SCENES, scenes(film, FaceSettings()), strict=True):
        who.setdefault(name, set()).update(face["person"] for face in faces if abs(face["box"]["x"] - left) < NEAR)
        assert all(face["embedding"] is None for face in faces)
    known = {name: numbers - {None} for name, numbers in who.items()}
    assert len(known["Chandler"]) == len(known["Phoebe"]) == 1
    assert known["Chandler"] != known["Phoebe"]


def test_a_few_of_the_best_faces_have_embeddings_where_asked(film: Path) -> None:
    for faces in scenes(film, FaceSettings(embeddings=True)):
        embedded = [face for face in faces if face["embedding"]]
        assert embedded
        assert all(len(face["embedding"] or ()) == 128 and face["yaw"] is not None for face in embedded)
        assert {face["person"] for face in embedded} == {face["person"] for face in faces} - {None}
