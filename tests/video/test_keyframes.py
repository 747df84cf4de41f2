import io
import os
import shutil

import cv2
import numpy as np
import pyarrow as pa
import pytest

from emotionscope.errors import JobError, RowError
from emotionscope.tables import contracts
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings
from emotionscope.video.frames import sample_frames
from emotionscope.video.video_faces import VideoFaces, faces_of
from tests.helpers.videos import dialogues, draw_person, write_cover, write_video

HAIR = (30, 40, 60)
GREEN, BLUE = (60, 120, 40), (170, 80, 40)
# People in each real clip whose face is seen from the front or the side at least once, counted by eye.
PEOPLE = {
    "dia110_utt8": 2,
    "dia12_utt12": 2,
    "dia169_utt19": 1,
    "dia169_utt6": 2,
    "dia207_utt0": 1,
    "dia244_utt6": 3,
    "dia29_utt4": 4,
    "dia77_utt3": 1,
}


@pytest.fixture(scope="session")
def haar() -> VideoFaces:
    return VideoFaces(FaceSettings("haar", speakers="never"))


@pytest.fixture(scope="session")
def yunet() -> VideoFaces:
    return VideoFaces(FaceSettings(speakers="never"))


def scene(seconds: float, clothes=GREEN, wall=(150, 140, 120)):
    for n in range(round(24 * seconds)):
        image = np.full((360, 640, 3), wall, np.uint8)
        draw_person(image, 200 + n, 130, 110, HAIR, clothes)
        yield cv2.GaussianBlur(image, (3, 3), 0)


def extract(table: pa.Table, root: str, faces: VideoFaces) -> pa.Table:
    return keyframes.extract(table, root, faces.of_file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset's folder: a video of one person, of two in two shots, of nobody, and what is no video."""
    root = tmp_path_factory.mktemp("data")
    write_video(root / "one.mp4", scene(2))
    write_video(root / "two.mp4", [*scene(3), *scene(3, BLUE, (90, 90, 170))])
    write_video(root / "nobody.mp4", [np.full((360, 640, 3), 120, np.uint8)] * 24)
    (root / "text.mp4").write_text("no video")
    (root / "folder.mp4").mkdir()
    return root


def test_every_row_comes_out_with_its_columns_and_its_faces_or_a_reason(folder, haar):
    videos = ["one.mp4", None, "gone.mp4", "nobody.mp4", "text.mp4", "folder.mp4", "", "one.mp4"]
    table = dialogues(videos, speaker=list("abcdefgh"), weather=list(range(8)))
    result = extract(table, str(folder), haar)
    assert result.select(table.column_names) == table
    assert result.schema.field("faces").type == contracts.FACES
    assert result.schema.field("video_error").type == pa.string()
    faces, errors = result["faces"].to_pylist(), result["video_error"].to_pylist()
    assert [None if row is None else len(row) for row in faces] == [4, None, None, 0, None, None, None, 4]
    assert faces[0] == faces[7]
    assert errors == [
        None,
        None,
        "video missing: gone.mp4",
        None,
        "video unreadable: Invalid data found when processing input",
        "video unreadable: Is a directory",
        None,
        None,
    ]


def test_a_table_without_any_video_has_the_types_of_the_contract(haar):
    for table in (dialogues([None, None]), dialogues([None]).drop_columns("video"), dialogues([])):
        result = extract(table, "/nowhere", haar)
        assert (result.schema.field("faces").type, result.schema.field("video_error").type) == (
            contracts.FACES,
            pa.string(),
        )
        assert result["faces"].null_count == result["video_error"].null_count == len(table)


def test_a_face_is_described_by_the_contract(folder, haar):
    with (folder / "one.mp4").open("rb") as stream:
        faces = faces_of(stream, haar)
    for face in faces:
        assert face["person"] == 0
        assert 0 < face["quality"] <= 1
        assert 0 <= face["time"] < 2
        middle = face["box"]["x"] + face["box"]["w"] / 2, face["box"]["y"] + face["box"]["h"] / 2
        assert middle == pytest.approx((200 + 24 * face["time"], 133), abs=15)
        crop = cv2.imdecode(np.frombuffer(face["image"], np.uint8), cv2.IMREAD_COLOR)
        assert crop.shape[0] == crop.shape[1] == pytest.approx(125, abs=35)
    assert [face["time"] for face in faces] == sorted(face["time"] for face in faces)


def test_boxes_are_in_pixels_of_the_video_also_where_frames_are_shrunk(tmp_path, haar):
    large = [cv2.resize(image, (3840, 2160)) for image in list(scene(0.2))[:3]]
    write_video(tmp_path / "a.mp4", large, options={"preset": "ultrafast"})
    with (tmp_path / "a.mp4").open("rb") as stream:
        face = faces_of(stream, haar)[0]
    assert face["box"]["x"] + face["box"]["w"] / 2 == pytest.approx(6 * 200, abs=90)


def test_spans_choose_their_part_of_a_long_video(folder, haar):
    table = dialogues(
        ["two.mp4"] * 5, start=[None, 0.0, 3.0, float("nan"), 9.0], end=[None, 3.0, 6.0, float("nan"), 12.0]
    )
    result = extract(table, str(folder), haar)
    whole, first, second, unset, beyond = result["faces"].to_pylist()
    (one,), (other,) = ({face["person"] for face in part} for part in (first, second))
    assert {one, other} == {face["person"] for face in whole} == {0, 1}
    assert {face["person"] for face in whole if face["time"] < 2.5} == {one}
    assert all(0 <= face["time"] < 3 for face in first + second)
    assert whole == unset
    assert beyond is None
    assert result["video_error"].to_pylist()[4] == "video span is empty: no frame in it"


def test_max_faces_is_kept_and_all_people_are_shown(folder, haar):
    for most in (1, 2, 5):
        with (folder / "two.mp4").open("rb") as stream:
            faces = faces_of(stream, VideoFaces(FaceSettings("haar", most, speakers="never")))
        assert len(faces) > 8
        kept = [face for face in faces if face["kept"]]
        assert len(kept) == most
        assert len({face["person"] for face in kept}) == min(most, 2)
        sizes = {face["kept"]: cv2.imdecode(np.frombuffer(face["image"], np.uint8), -1).shape for face in faces}
        assert sizes[True][0] > 90 and sizes[False] == (64, 64)


def test_videos_outside_the_dataset_are_not_opened(folder, haar):
    root = folder / "inside"
    root.mkdir()
    shutil.copy(folder / "one.mp4", root / "mine.mp4")
    names = ["../one.mp4", "x/../../one.mp4", "./../inside/mine.mp4", "x/../mine.mp4", str(folder / "one.mp4")]
    result = extract(dialogues(names), str(root), haar)
    outside = [names[0], names[1], names[4]]
    assert result["video_error"].to_pylist() == [
        f"video outside the folder of the videos: {name}" if name in outside else None for name in names
    ]
    assert extract(dialogues(names[-1:]), str(folder), haar)["video_error"].to_pylist() == [None]


def test_a_picture_is_a_video_of_one_frame(folder, haar, tmp_path):
    (image,) = scene(1 / 24)
    for suffix in (".jpg", ".png"):
        (tmp_path / f"face{suffix}").write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "face.jpg").read_bytes()[:40])
    result = extract(dialogues(["face.jpg", "face.png", "cut.jpg"]), str(tmp_path), haar)
    assert result["video_error"].to_pylist() == [None, None, "picture unreadable: 40 bytes that are no JPEG or PNG"]
    (jpeg,), (png,), none = result["faces"].to_pylist()
    assert none is None
    assert jpeg["time"] == png["time"] == 0
    assert abs(jpeg["box"]["x"] - png["box"]["x"]) <= 5


def test_links_that_lead_out_of_the_folder_and_what_is_no_file_are_not_opened(folder, haar, tmp_path):
    root = tmp_path / "videos"
    (root / "below").mkdir(parents=True)
    shutil.copy(folder / "one.mp4", root / "below" / "real.mp4")
    (root / "good.mp4").symlink_to(root / "below" / "real.mp4")
    (root / "file.mp4").symlink_to(folder / "one.mp4")
    (root / "folder").symlink_to(folder)
    (root / "dangling.mp4").symlink_to(root / "nowhere.mp4")
    os.mkfifo(root / "pipe.mp4")
    (tmp_path / "same").symlink_to(root)
    names = ["good.mp4", "file.mp4", "folder/one.mp4", "dangling.mp4", "pipe.mp4", f"file://{root}/below/real.mp4"]
    for place in (root, tmp_path / "same"):
        assert extract(dialogues(names), str(place), haar)["video_error"].to_pylist() == [
            None,
            "video outside the folder of the videos: file.mp4",
            "video outside the folder of the videos: folder/one.mp4",
            "video missing: dangling.mp4",
            "video unreadable: not a regular file",
            None,
        ]


def test_a_cover_is_no_video_and_a_stream_of_pictures_is_read_whole(haar, tmp_path):
    pictures = list(scene(2))
    write_cover(tmp_path / "podcast.m4a", pictures[0])
    jpegs = [cv2.imencode(".jpg", image)[1].tobytes() for image in pictures]
    (tmp_path / "raw.mjpeg").write_bytes(b"".join(jpegs))
    (tmp_path / "preview.jpg").write_bytes(jpegs[0].replace(b"\xff\xdb", b"\xff\xe2\0\6MPF\0\xff\xdb", 1) + jpegs[1])
    result = extract(dialogues(["podcast.m4a", "raw.mjpeg", "preview.jpg"]), str(tmp_path), haar)
    assert result["video_error"].to_pylist() == [
        "video has no frames: the file has no video track that can be decoded",
        None,
        None,
    ]
    none, raw, picture = result["faces"].to_pylist()
    assert none is None
    assert (len(raw), len(picture)) == (4, 1)
    assert raw[-1]["time"] > 1


# A video that went wrong, and one that looks as it is to be shown.
AS_PLAYED = {
    "07_edit_list_cut/cut_copy.mp4": "07_edit_list_cut/cut_encoded.mp4",
    "08_jumping_time_stamps/joined.ts": "08_jumping_time_stamps/joined_encoded.mp4",
    "09_no_time_stamps/face_nopts.ts": "12_hdr_no_tone_mapping/base.mp4",
    "10_mirrored_matrix/front_camera.mp4": "10_mirrored_matrix/asplayed_front_camera.mp4",
    "11_non_square_pixels/anamorphic.mp4": "11_non_square_pixels/base.mp4",
    "11_non_square_pixels/hdv.mp4": "11_non_square_pixels/base.mp4",
    "11_non_square_pixels/pal_wide.mkv": "11_non_square_pixels/base.mp4",
    "12_hdr_no_tone_mapping/pq.mkv": "12_hdr_no_tone_mapping/base.mp4",
}


@pytest.mark.parametrize("odd", AS_PLAYED)
def test_odd_videos_give_the_faces_that_a_player_shows(shared, yunet, odd):
    found, wanted = (_all_faces(shared / "cases" / name, yunet) for name in (odd, AS_PLAYED[odd]))
    assert len(found) == pytest.approx(len(wanted), abs=3)
    near = [any(abs(a[0] - b[0]) < 0.1 and np.abs(a[1] - b[1]).max() < 0.04 for b in wanted) for a in found]
    assert np.mean(near) > 0.8


def _all_faces(path, yunet) -> list[tuple[float, np.ndarray]]:
    """Of each face its time and its box as a share of the picture's width."""
    with path.open("rb") as stream:
        width = next(sample_frames(stream)).image.shape[1]
    (faces,) = extract(dialogues([path.name]), str(path.parent), yunet)["faces"].to_pylist()
    return [(face["time"], np.array([face["box"][side] for side in "xywh"]) / width) for face in faces]


def test_an_unexpected_failure_costs_one_row(folder, haar):
    class Failing:
        calls = 0

        def detect(self, image):
            self.calls += 1
            if self.calls == 1:
                raise ZeroDivisionError("division by zero\nmore")
            return haar.detector.detect(image)

    failing = VideoFaces(haar.settings)
    failing.detector = Failing()
    result = extract(dialogues(["one.mp4"] * 2, start=[0.0, 1.0], end=[1.0, 2.0]), str(folder), failing)
    assert result["video_error"].to_pylist() == ["video failed: ZeroDivisionError: division by zero", None]
    assert len(result["faces"].to_pylist()[1]) == 4


def test_two_runs_give_the_same_bytes(folder, haar):
    table = dialogues(["two.mp4"])
    assert extract(table, str(folder), haar) == extract(table, str(folder), haar)


def test_a_stream_that_fails_while_it_is_read_is_a_row_error(folder, haar):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 4096:
                raise ConnectionResetError(104, "Connection reset by peer")
            return super().read(min(size, 4096))

    with pytest.raises(RowError, match=r"^video unreadable: Connection reset by peer"):
        faces_of(Broken((folder / "two.mp4").read_bytes()), haar)


def test_a_store_that_is_away_is_not_the_videos_fault(folder, haar):
    class Away(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 4096:
                raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation: curlCode: 7")
            return super().read(min(size, 4096))

    with pytest.raises(JobError, match=r"NETWORK_CONNECTION.*rerun the same command"):
        faces_of(Away((folder / "two.mp4").read_bytes()), haar)

    def find(video, root, utterances):
        raise JobError("away")

    with pytest.raises(JobError, match="away"):
        keyframes.extract(dialogues(["two.mp4"]), str(folder), find)


def test_yunet_tells_the_people_of_real_clips_apart(shared, yunet):
    table = dialogues([f"{name}.mp4" for name in PEOPLE])
    faces = extract(table, str(shared / "data" / "clips"), yunet)["faces"].to_pylist()
    found = {name: len({face["person"] for face in row}) for name, row in zip(PEOPLE, faces, strict=True)}
    assert found == PEOPLE


def test_a_face_that_leaves_and_a_video_without_a_face(shared, yunet, haar):
    videos = dialogues(["face_noface.mov", "no_face.mp4", "single_face.mp4"])
    for detector in (yunet, haar):
        leaving, nobody, single = extract(videos, str(shared / "data" / "odd_videos"), detector)["faces"].to_pylist()
        assert {face["person"] for face in leaving + single} == {0}
        assert max(face["time"] for face in leaving) < 3
        assert nobody == []
