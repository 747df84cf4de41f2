"""Faces as embeddings and their clustering, and how a head is turned."""

from math import cos, radians, sin

import numpy as np
import pytest

from emotionscope.recognition import embedding, linkage
from emotionscope.recognition.embedding import Embedder
from emotionscope.recognition.pose import HEAD, pose


def draw(people: int, each: int, noise: float = 0.08, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of a number of people, each one's at the same distance, in random order, and whose they are."""
    generator = np.random.default_rng(seed)
    who = generator.permutation(np.repeat(np.arange(people), each))
    mean = embedding.normalised(generator.standard_normal((people, embedding.SIZE)))
    return embedding.normalised(mean[who] + noise * generator.standard_normal((len(who), embedding.SIZE))), who


def same_groups(label: np.ndarray, who: np.ndarray) -> bool:
    pairs = set(zip(label.tolist(), who.tolist(), strict=True))
    return len(pairs) == len(set(label.tolist())) == len(set(who.tolist()))


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The five points of a head that is turned, in pixels, seen from afar."""
    y, p, r = (radians(angle) for angle in (yaw, pitch, roll))
    about_y = np.array([(cos(y), 0, -sin(y)), (0, 1, 0), (sin(y), 0, cos(y))])
    about_x = np.array([(1, 0, 0), (0, cos(p), sin(p)), (0, -sin(p), cos(p))])
    about_z = np.array([(cos(r), -sin(r), 0), (sin(r), cos(r), 0), (0, 0, 1)])
    return (2 * HEAD @ (about_z @ about_y @ about_x).T)[:, :2] + [300, 200]


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 25), (25, 0, -15)]
)
def test_a_turned_head_is_told_by_its_five_points(angles: tuple[float, float, float]) -> None:
    found = pose(turned(*angles).tolist())
    assert found == pytest.approx(angles, abs=1)


def test_points_in_a_line_tell_no_pose() -> None:
    assert pose([(n, n) for n in range(5)]) is None


def test_a_crop_has_the_points_where_the_template_has_them() -> None:
    points = 1.5 * embedding.TEMPLATE + [40, 60]
    image = np.zeros((300, 300, 3), np.uint8)
    for x, y in points:
        image[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 255
    crop = embedding.cut(image, [(x, y) for x, y in points])
    assert crop.shape == (embedding.SIDE, embedding.SIDE, 3)
    for x, y in embedding.TEMPLATE:
        assert crop[round(y), round(x), 0] > 100


def test_a_face_has_an_embedding_of_length_one_whoever_is_beside_it() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, embedding.SIDE, embedding.SIDE, 3), np.uint8)
    embedder = Embedder()
    both, one = embedder.embed(list(crops)), embedder.embed([crops[1]])
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(both[1], one[0], atol=1e-5)
    assert embedder.embed([]).shape == (0, embedding.SIZE)


@pytest.mark.parametrize("block", [linkage.BLOCK, 64])
def test_people_are_grouped_at_once_and_in_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkage, "BLOCK", block)
    vectors, who = draw(40, 10)
    assert same_groups(linkage.cluster(vectors, np.ones(len(who))).label, who)


def test_two_of_one_picture_are_never_one_however_alike() -> None:
    vectors, _ = draw(1, 4, noise=0.02)
    apart = np.array([(0, 1), (2, 3)])
    label = linkage.cluster(vectors, np.ones(4), apart).label
    assert label[0] != label[1]
    assert label[2] != label[3]


def test_fixed_groups_keep_their_numbers_and_are_not_joined() -> None:
    vectors, who = draw(3, 6)
    first = [np.flatnonzero(who == person)[0] for person in (2, 0)] + [np.flatnonzero(who == 2)[1]]
    rest = np.setdiff1d(np.arange(len(who)), first)
    found = linkage.cluster(np.concatenate([vectors[first], vectors[rest]]), np.ones(len(who)), fixed=3)
    assert found.label[:3].tolist() == [0, 1, 2]
    assert set(found.label[3:][who[rest] == 0]) == {1}
    assert set(found.label[3:][who[rest] == 2]) <= {0, 2}
    assert set(found.label[3:][who[rest] == 1]) == {3}


def test_nobody_is_in_no_group() -> None:
    assert len(linkage.cluster(np.empty((0, embedding.SIZE)), np.empty(0)).label) == 0
