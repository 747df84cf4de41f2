"""Who speaks, from a video to the column ``speaking``: followed faces, the sound beside them, and the network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionscope.batch import speakers
from emotionscope.tables import contracts
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings, Found, SpeakersChoice, Utterance
from emotionscope.video.video_faces import VideoFaces
from emotionscope.vision.pooling import attend
from tests.helpers.videos import BLOND, BROWN, GREEN, RED, ROOM, STREET, dialogues, picture, write_video

ANNA, BEN = (180, 130, 110, BROWN, GREEN), (450, 140, 110, BLOND, RED)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # several would wait for each other on a busy machine


def film(path: Path, *scenes: tuple[int, Sequence[tuple], tuple[int, int, int]], noise: float = 4.0) -> Path:
    """A video of scenes, each some frames of people before a wall, with noise as its sound."""
    frames = [picture(*people, wall=wall) for count, people, wall in scenes for _ in range(count)]
    return write_video(path, frames, noise=noise)


def watch(path: Path, *spans: tuple[float | None, float | None], speakers: SpeakersChoice = "auto") -> list[Found]:
    finder = VideoFaces(FaceSettings(speakers=speakers))
    found = finder.of_file(path.name, str(path.parent), [Utterance(span) for span in spans or [(None, None)]])
    assert all(isinstance(each, Found) for each in found)
    return found


def test_each_face_is_followed_through_its_shot_with_the_sound_beside_it(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", (48, [ANNA, BEN], ROOM), (48, [BEN], STREET))
    (found,) = watch(path)
    assert sorted((round(track.start), round(len(track.boxes) / 25)) for track in found.tracks) == [
        (0, 2),
        (0, 2),
        (2, 2),
    ]
    for track in found.tracks:
        assert track.crops.shape == (len(track.boxes), 56, 56)
        assert track.sound.shape == (4 * len(track.boxes), 13)
        middle = track.boxes[:, 0] + track.boxes[:, 2] / 2
        assert min(abs(np.median(middle) - person[0]) for person in (ANNA, BEN)) < 15


def test_spans_of_a_film_are_watched_apart(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", (96, [ANNA], ROOM))
    first, second, whole = watch(path, (0.0, 1.5), (2.0, 3.5), (None, None))
    assert [round(25 * each.tracks[0].start) for each in (first, second, whole)] == [0, 0, 0]
    assert [len(each.tracks[0].boxes) for each in (first, second)] == pytest.approx([37, 37], abs=6)
    both = whole.tracks[0]
    np.testing.assert_allclose(second.tracks[0].sound[8:80], both.sound[208:280], atol=0.01)


@pytest.mark.parametrize(("noise", "choice"), [(0.0, "auto"), (4.0, "never")])
def test_without_sound_or_unasked_nothing_is_measured(tmp_path: Path, noise: float, choice: SpeakersChoice) -> None:
    path = film(tmp_path / "a.mp4", (48, [ANNA], ROOM), noise=noise)
    (found,) = watch(path, speakers=choice)
    assert found.faces
    assert not found.tracks
    assert {face["speaking"] for face in speakers.measured(found)} == {None}


def test_silence_is_no_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [picture(ANNA)] * 48, audio=True)
    (found,) = watch(tmp_path / "a.mp4")
    assert not found.tracks


def test_frames_that_stand_long_break_the_tracks_and_nothing_else(tmp_path: Path) -> None:
    times = [n / 25 for n in range(40)] + [1.6 + n * 0.38 for n in range(1, 6)] + [6 + n / 25 for n in range(40)]
    write_video(tmp_path / "a.mp4", [picture(ANNA)] * len(times), times=times, noise=8.0)
    (found,) = watch(tmp_path / "a.mp4")
    assert len(found.faces) > 8
    assert {round(track.start) for track in found.tracks} >= {0, 6}
    assert all(track.start + len(track.boxes) / 25 < 8 for track in found.tracks)


def test_a_table_is_measured_where_words_are_said(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", (48, [ANNA], ROOM))
    (tmp_path / "b.mp4").write_text("no video")
    table = dialogues(["a.mp4", "a.mp4", None, "b.mp4"], utterance=["Hi!", "  ", "Hi!", "Hi!"], start=[0.0, 1.0, 0, 0])
    finder = VideoFaces(FaceSettings())
    found = keyframes.extract(table, str(tmp_path), finder.of_file)
    result = speakers.measure(found)
    assert result.column_names == [*table.column_names, "faces", "video_error"]
    assert result.schema.field("faces").type == contracts.FACES
    assert result.drop_columns(["faces"]) == found.drop_columns(["faces", keyframes.TRACKS])
    said, blank, none, broken = result["faces"].to_pylist()
    assert all(0 <= face["speaking"] <= 1 for face in said)
    assert all(face["speaking"] is None for face in blank) and len(blank) == 4
    assert none is None and broken is None
    before = found["faces"].to_pylist()[0]
    assert [face | {"speaking": None} for face in said] == before
    assert speakers.measure(found) == result


def test_a_long_utterance_is_watched_in_parts_and_every_face_counts(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", (13 * 24, [ANNA], ROOM), noise=13.0)
    (found,) = watch(path)
    assert len(found.faces) == 26
    assert [face["time"] for face in found.faces] == sorted(face["time"] for face in found.faces)
    assert {face["person"] for face in found.faces} == {0}
    assert sum(face["kept"] for face in found.faces) == 8
    assert sum(len(track.boxes) for track in found.tracks) > 0.9 * 13 * 25
    assert all(face["speaking"] is not None for face in speakers.measured(found))


def test_on_real_film_the_speaker_is_found_and_the_listener_is_not(shared: Path) -> None:
    (found,) = watch(shared / "data" / "clips" / "dia110_utt8.mp4")
    faces = speakers.measured(found)
    told = attend(
        *(np.array([face[name] for face in faces], float) for name in ("quality", "person", "speaking"))  # type: ignore[literal-required]
    )
    speaking = {face["time"] > 0.8: face["speaking"] for face in faces if face["speaking"] is not None}
    assert speaking[True] > 0.7 > 0.3 > speaking[False]  # the camera turns from the listener to her
    assert {face["person"] for face in faces if face["time"] > 0.8} == {told.speaker}


def test_a_film_encoded_twice_gives_nearly_the_same(shared: Path, tmp_path: Path) -> None:
    import av

    source = shared / "data" / "clips" / "dia12_utt12.mp4"
    with av.open(str(source)) as video:
        frames = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]
    write_video(tmp_path / "again.mp4", frames, options={"crf": "26", "preset": "veryfast"})
    one, two = (watch(path, speakers="never")[0].faces for path in (source, tmp_path / "again.mp4"))
    assert [face["person"] for face in one] == [face["person"] for face in two]
    places = [np.array([[face["box"][side] for side in "xywh"] for face in each]) for each in (one, two)]
    assert np.abs(places[0] - places[1]).max() < 12
