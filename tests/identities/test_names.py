"""Names come from portraits that are clearly like somebody, and from who is surely called so."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionscope.errors import UserError
from emotionscope.identities import names
from emotionscope.storage.place import Place
from tests.helpers.videos import BLOND, BROWN, GREEN, RED, picture


def test_portraits_are_named_after_their_file_or_their_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Ben").mkdir()
    for name, image in (
        ("Ann B.jpg", picture((320, 180, 200, BROWN, GREEN))),
        ("Ann B-2.png", picture((300, 180, 220, BROWN, GREEN))),
        ("Ben/1.jpg", picture((320, 180, 200, BLOND, RED))),
        ("nobody.jpg", picture()),
    ):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "broken.jpg").write_bytes(b"")
    found = names.portraits(Place(tmp_path))
    assert set(found) == {"Ann B", "Ben"}
    assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) for vector in found.values())
    told = capsys.readouterr().out
    assert "nobody.jpg: no face in it" in told
    assert "broken.jpg: picture unreadable" in told


def test_a_folder_without_a_portrait_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no portrait"):
        names.portraits(Place(tmp_path))


def test_a_name_is_given_where_one_portrait_is_clearly_the_most_alike() -> None:
    axes = np.eye(128, dtype=np.float32)
    sums = np.stack([5 * axes[0] + axes[3], axes[1] + axes[2], axes[4]])
    found = names.by_portraits([7, 8, 9], sums, {"Ann": axes[0], "Ben": axes[1], "Cy": axes[2]})
    assert {number: name.name for number, name in found.items()} == {7: "Ann"}  # 8 is as like Ben as Cy


@pytest.mark.parametrize(
    ("votes", "name"),
    [({"Ann": 3}, "Ann"), ({"Ann": 2}, None), ({"Ann": 9, "Ben": 2}, "Ann"), ({"Ann": 6, "Ben": 5}, None)],
)
def test_a_name_is_given_where_it_is_surely_right_more_often_than_not(votes: dict[str, int], name: str | None) -> None:
    found = names.by_speech({4: Counter(votes)})
    assert (found[4].name if found else None) == name
