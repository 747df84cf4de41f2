import cv2

from emotionscope.video import tracking
from emotionscope.video.best_faces import select_faces
from emotionscope.video.detection import Detection
from tests.helpers.videos import BLACK, BLOND, BLUE, BROWN, GREEN, RED, ROOM, STREET, picture


def seen_in(frames, sure=True):
    """Sightings of a list of (shot, wall, persons) drawn half a second apart."""
    seen = []
    for number, (shot, wall, persons) in enumerate(frames):
        image = picture(*persons, wall=wall)
        boxes = [(x - 0.38 * size, y - 0.5 * size, 0.76 * size, 1.04 * size) for x, y, size, *_ in persons]
        found = [Detection(*box, 0.9, 1.0, sure) for box in boxes]
        seen += tracking.describe_faces(image, 1.0, found, number, shot, number / 2)
    return seen


def assign(seen) -> list[int]:
    return tracking.assign_people(seen, tracking.follow(seen))


def who(seen) -> list[tuple[int, int, int]]:
    """The frame, left edge and person of each face."""
    return [(s.frame, s.box[0], person) for s, person in zip(seen, assign(seen), strict=True)]


def test_two_people_in_a_shot_stay_two_while_they_move():
    anna = [(150 + 12 * n, 130, 110, BROWN, GREEN, n / 6) for n in range(6)]
    ben = [(480 - 12 * n, 140, 90, BLOND, RED) for n in range(6)]
    persons = [
        {
            person
            for _, left, person in who(seen_in([(0, ROOM, [a, b]) for a, b in zip(anna, ben, strict=True)]))
            if test(left)
        }
        for test in (lambda left: left < 270, lambda left: left > 300)
    ]
    assert persons == [{0}, {1}]


def test_one_person_across_cuts_stays_one_and_the_other_shot_is_another():
    anna, closer = (180, 130, 110, BROWN, GREEN), (330, 150, 130, BROWN, GREEN)
    ben = (330, 150, 120, BLOND, RED)
    shots = [(0, ROOM, [anna])] * 3 + [(1, STREET, [ben])] * 2 + [(2, ROOM, [closer])] * 3
    assert [person for _, _, person in who(seen_in(shots))] == [0, 0, 0, 1, 1, 0, 0, 0]


def test_people_dressed_alike_are_two_when_in_one_picture():
    twins = [(180, 130, 100, BROWN, GREEN), (450, 130, 100, BROWN, GREEN)]
    persons = [person for _, _, person in who(seen_in([(0, ROOM, twins)] * 3))]
    assert sorted(persons) == [0, 0, 0, 1, 1, 1]


def test_the_most_prominent_person_is_the_first():
    small, large = (150, 130, 60, BLOND, RED), (420, 140, 140, BROWN, GREEN)
    assert {person for _, left, person in who(seen_in([(0, ROOM, [small, large])] * 3)) if left > 300} == {0}


def test_what_is_surely_no_face_is_left_out_unless_there_is_nothing_else():
    unsure = seen_in([(0, ROOM, [(450, 130, 100, BLACK, BLUE)])] * 2, sure=False)
    sure = seen_in([(0, ROOM, [(180, 130, 100, BROWN, GREEN)])] * 2)
    together = sorted(sure + unsure, key=lambda face: face.frame)
    assert assign(unsure) == [0, 0]
    assert assign(together) == [0, -1, 0, -1]
    assert select_faces(together, assign(together), 8) == [0, 2]


def test_nobody_is_nobody():
    assert assign([]) == []
    assert select_faces([], [], 8) == []


def test_a_cut_is_told_from_movement():
    first = tracking.layout(picture((180, 130, 110, BROWN, GREEN)))
    moved = tracking.layout(picture((230, 135, 120, BROWN, GREEN)))
    other = tracking.layout(picture((330, 150, 120, BLOND, RED), wall=STREET))
    assert not tracking.is_cut(first, moved)
    assert tracking.is_cut(first, other)


def test_kept_faces_show_every_person_before_anyone_twice_and_are_in_order_of_time():
    crowd = [(90 + 150 * n, 120, 80 - 5 * n, hair, clothes) for n, (hair, clothes) in
             enumerate([(BROWN, GREEN), (BLOND, RED), (BLACK, BLUE), (BROWN, ROOM)])]  # fmt: skip
    seen = seen_in([(0, ROOM, crowd)] * 5)
    persons = assign(seen)
    for most in (1, 3, 4, 6, 50):
        kept = select_faces(seen, persons, most)
        assert len(kept) == min(most, 20)
        assert {persons[i] for i in kept} == set(range(min(most, 4)))
        assert [seen[i].time for i in kept] == sorted(seen[i].time for i in kept)


def test_a_sharp_large_face_is_better_than_a_blurred_or_small_one():
    def best(image, size):
        box = (320 - 0.38 * size, 150 - 0.5 * size, 0.76 * size, 1.04 * size)
        (face,) = tracking.describe_faces(image, 1.0, [Detection(*box, 0.9, 1.0, True)], 0, 0, 0.0)
        assert 0 <= face.quality <= 1
        return face.quality

    sharp = picture((320, 150, 120, BROWN, GREEN))
    assert best(sharp, 120) > 1.5 * best(cv2.GaussianBlur(sharp, (0, 0), 3), 120)
    assert best(sharp, 120) > 1.2 * best(picture((320, 150, 40, BROWN, GREEN)), 40)


def test_of_one_person_different_expressions_are_kept():
    smiles = [-1, -1, -1, -1, 1, -1, -1]
    seen = seen_in([(0, ROOM, [(320, 150, 120, BROWN, GREEN, smile)]) for smile in smiles])
    assert 4 in select_faces(seen, assign(seen), 2)
