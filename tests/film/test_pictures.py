"""What is drawn: a film and a picture with the answers on them, a figure in a notebook, boxes between two frames."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emotionscope.errors import RowError, UserError
from emotionscope.film import frame as drawing
from emotionscope.film.between import Between
from emotionscope.film.lettering import fitted, font_for, rgb
from emotionscope.film.saving import FilmOnDisk
from emotionscope.film.table import Faces, Source
from emotionscope.storage.place import Place
from tests.helpers.films import FACES, film, moving
from tests.helpers.videos import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", moving(), fps=10, noise=3.0)


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time or 0.0, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def near(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a BGR image has about a colour of red, green and blue."""
    return np.abs(image[:, :, ::-1].astype(int) - colour).max(axis=2) < 60


def test_a_saved_film_plays_in_browsers_with_its_sound_and_its_times(clip: Path, tmp_path: Path) -> None:
    FilmOnDisk(film(), Place(tmp_path)).save(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, picture.pix_fmt) == ("h264", "yuv420p")
        assert sound.codec_context.name == "aac"
        assert (picture.width, picture.height) == (160, 120)
        heard = [frame.to_ndarray() for frame in container.decode(sound)]
    assert np.abs(np.concatenate(heard, axis=1)).std() > 0.01
    times, before = [time for time, _ in decoded(tmp_path / "out.mp4")], [time for time, _ in decoded(clip)]
    np.testing.assert_allclose(times, before, atol=0.001)
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_faces_are_marked_where_and_when_they_are_seen(clip: Path, tmp_path: Path) -> None:
    FilmOnDisk(film(()), Place(tmp_path)).save(tmp_path / "out.mp4")
    shown = dict(decoded(tmp_path / "out.mp4"))
    left = (slice(30, 75), slice(5, 16))  # the left side of the first person's box
    right = (slice(30, 75), slice(75, 86))  # that of the second person's, who is seen once
    assert near(shown[0.0][left], rgb("joy")).any()
    assert not near(shown[0.0][left], rgb("anger")).any()
    assert near(shown[2.0][left], rgb("anger")).any()
    assert near(shown[1.5][right], rgb("sadness")).any()
    assert not near(shown[0.5][right], rgb("sadness")).any()


def test_a_speaker_has_a_thicker_box_and_words_are_at_the_foot() -> None:
    plain = np.full((360, 640, 3), 90, np.uint8)
    seen = film().faces[0]
    quiet = film(faces=((0.0, 0, "joy", 0.1),)).faces[0]
    thick, thin = ((drawing.draw(plain, [each]) != plain).any(axis=2).sum() for each in (seen, quiet))
    assert thick > thin
    drawn = drawing.draw(plain, [], film().lines[0])
    assert (drawn[300:] != 90).any()
    assert (drawn[:300] == 90).all()
    assert (plain == 90).all()


def test_any_frame_and_any_words_can_be_drawn() -> None:
    lines = tuple((0.0, 1.0, "Ελένη", text, "joy", None, "joy") for text in ("", "x" * 900, "שלום 小明 🤖 \x00" * 30))
    for size in ((8, 8, 3), (40, 900, 3), (900, 40, 3)):
        for line in film(lines).lines:
            drawn = drawing.draw(np.zeros(size, np.uint8), film().faces, line)
            assert drawn.shape == size


def test_words_that_do_not_fit_end_in_an_ellipsis() -> None:
    font = font_for("a", 20)
    assert fitted("one two three", font, 10_000) == ["one two three"]
    assert fitted("word " * 50, font, 200)[-1].endswith("…")
    assert all(font.getlength(line) <= 200 for line in fitted("word " * 50, font, 200))


def test_between_two_frames_a_face_moves_but_not_over_a_cut() -> None:
    found = film((), ((0.0, 0, "joy", None), (1.0, 1, "joy", None))).faces
    before, after = [found[0]], [found[1]]
    same = film((), ((1.0, 0, "joy", None),)).faces[0]
    moved = Between(before, [drawing.scaled(same, 0.5)], 1.0).at(0.5, None)
    assert [(face.box["x"], face.box["w"]) for face in moved] == [(15, 75)]
    assert [face.person for face in Between(before, after, 1.0).at(0.4, None)] == [0]
    assert [face.person for face in Between(before, after, 1.0).at(0.6, None)] == [1]
    assert [face.person for face in Between(before, after, 1.0).at(0.4, 0.2)] == [1]
    assert Between(before, after, 0.1).at(0.5, None) == []  # nothing was seen for a while


def test_sound_of_another_kind_and_pictures_of_odd_sizes_become_what_browsers_play(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.avi"), "w") as new:
        track, sound = new.add_stream("mjpeg", rate=10), new.add_stream("pcm_s16le", rate=8000, layout="mono")
        track.width, track.height, track.pix_fmt = 161, 121, "yuvj420p"
        for number, image in enumerate(moving(1.0, size=(161, 121))):
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts = number
            new.mux(track.encode(frame))
        new.mux(track.encode())
        noise = np.random.default_rng(0).integers(-9000, 9000, (1, 8000)).astype(np.int16)
        heard = av.AudioFrame.from_ndarray(noise, "s16", "mono")
        heard.rate = heard.sample_rate = 8000
        new.mux(sound.encode(heard))
        new.mux(sound.encode())
    FilmOnDisk(film(name="film.avi"), Place(tmp_path)).save(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (160, 120)
        assert container.streams.audio[0].codec_context.name == "aac"
        assert sum(frame.samples for frame in container.decode(audio=0)) > 40_000


def test_a_picture_is_saved_as_one(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "team.png"), moving()[0])
    found = FilmOnDisk(film((), FACES[:1], "team.png"), Place(tmp_path))
    found.save(tmp_path / "out.jpg")
    assert near(cv2.imread(str(tmp_path / "out.jpg")), rgb("joy")).any()
    with pytest.raises(UserError, match="picture is saved"):
        found.save(tmp_path / "out.mp4")
    with pytest.raises(UserError, match=r"\.mp4"):
        found.save(tmp_path / "out.gif")
    with pytest.raises(UserError, match="itself"):
        found.save(tmp_path / "team.png")


def test_a_film_that_cannot_be_read_is_a_row_error_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(RowError, match="unreadable"):
        FilmOnDisk(film(), Place(tmp_path)).save(tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_faces_of_a_clip_plot_themselves_after_a_filter_too(clip: Path, tmp_path: Path) -> None:
    rows = [
        {
            "time": face.time,
            **face.box,
            "person": face.person,
            "quality": face.quality,
            "speaking": None,
            "emotion": face.emotion,
        }
        | dict(zip(("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"), face.answer, strict=True))
        for face in film().faces
    ]
    faces = Faces(rows)
    with pytest.raises(UserError, match="not known"):
        faces.plot()
    faces.source = Source(clip.name, Place(tmp_path), 0.0)
    whole, one = faces.plot(), faces[faces["person"] == 1].plot()
    assert [len(whole.axes), len(one.axes)] == [1 + 7 + 1, 1 + 1]
    assert whole._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="no face"):
        faces[faces["person"] == 9].plot()
