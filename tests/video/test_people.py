"""Who is who holds through a video: by place while a shot goes on, by hair, face and clothes from shot to shot."""

from emotionscope.video import tracking
from emotionscope.video.detection import Detection
from emotionscope.video.people import Cast, SpanFaces
from tests.helpers.videos import BLOND, BROWN, GREEN, RED, picture

ANNA, BEN = (180, 130, 100, BROWN, GREEN), (450, 130, 100, BLOND, RED)


def spoken(start, *people):
    """An utterance of three pictures of the people, half a second apart."""
    image = picture(*people)
    boxes = [(x - 0.38 * size, y - 0.5 * size, 0.76 * size, 1.04 * size) for x, y, size, *_ in people]
    found = [Detection(*box, 0.9, 1.0, True) for box in boxes]
    faces = [face for n in range(3) for face in tracking.describe_faces(image, 1.0, found, n, 0, n / 2)]
    layout = tracking.layout(image)
    return SpanFaces(start, faces, tracking.assign_people(faces, tracking.follow(faces)), layout, layout)


def watch(*utterances):
    """The ranks of each utterance's people, from left to right."""
    cast = Cast()
    seen = [(cast.see(utterance), [face.box[0] for face in utterance.faces]) for utterance in utterances]
    ranks = cast.ranks()
    return [[ranks[number] for _, number in sorted(set(zip(left, numbers, strict=True)))] for numbers, left in seen]


def test_a_person_is_the_same_in_each_shot_and_another_is_another():
    closer = (330, 150, 130, BROWN, GREEN)
    across = (250, 140, 110, BLOND, RED)
    seen = watch(spoken(0, ANNA), spoken(10, across), spoken(40, closer), spoken(90, ANNA, BEN))
    assert seen == [[0], [1], [0], [0, 1]]


def test_the_most_prominent_person_of_the_video_is_the_first():
    assert watch(spoken(0, BEN), spoken(10, ANNA), spoken(20, ANNA)) == [[1], [0], [0]]


def test_people_dressed_alike_in_one_picture_are_two():
    twin = (450, 130, 100, BROWN, GREEN)
    assert sorted(watch(spoken(0, ANNA), spoken(30, ANNA, twin))[1]) == [0, 1]


def test_twins_keep_their_places_while_the_shot_goes_on():
    twin = (450, 130, 100, BROWN, GREEN)
    first, second = watch(spoken(0, ANNA, twin), spoken(1.5, ANNA, twin))
    assert first == second


def test_nobody_has_no_number():
    cast = Cast()
    layout = tracking.layout(picture())
    assert cast.see(SpanFaces(0, [], [], layout, layout)) == []
    assert cast.ranks() == []
