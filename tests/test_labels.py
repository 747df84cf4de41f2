import pytest

from emotionscope import labels


def test_other_data_sets_names_become_melds() -> None:
    names = ["Angry", "HAPPY ", "sad", "surprised", "disgusted", "fearful", "neutral", "happiness"]
    want = ["anger", "joy", "sadness", "surprise", "disgust", "fear", "neutral", "joy"]
    assert [labels.canonical(name) for name in names] == want


@pytest.mark.parametrize("name", ["contempt", "", "6", None])
def test_a_label_outside_the_seven_is_refused_by_name(name: object) -> None:
    with pytest.raises(ValueError, match="none of the emotions"):
        labels.canonical(name)


def test_missing_labels_stay_missing() -> None:
    assert [labels.canonical_or_none(value) for value in (None, float("nan"), "  ", "joy")] == [None, None, None, "joy"]
