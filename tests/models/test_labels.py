import pytest

from emotionscope import labels


def test_other_data_sets_names_become_melds() -> None:
    names = ["Angry", "HAPPY ", "sad", "surprised", "disgusted", "fearful", "neutral", "happiness"]
    want = ["anger", "joy", "sadness", "surprise", "disgust", "fear", "neutral", "joy"]
    assert [labels.canonical(name) for name in names] == want


@pytest.mark.parametrize("label", ["contempt", "6", 3, True, b"joy", "joy, anger", "x" * 1000])
def test_a_label_outside_the_seven_is_none_and_its_reason_names_it(label: object) -> None:
    assert labels.canonical(label) is None
    assert labels.left_out(label) == f"emotion {str(label)[:40]!r}"


@pytest.mark.parametrize("label", [None, float("nan"), "", "  "])
def test_a_missing_label_is_none_and_has_its_own_reason(label: object) -> None:
    assert labels.canonical(label) is None
    assert labels.left_out(label) == "no emotion"


def test_split_names_of_other_data_sets_become_ours_and_others_stay() -> None:
    names = ["Train", " training", "VAL", "valid", "Validation", "Test", "Holdout ", None, "", float("nan")]
    want = ["train", "train", "dev", "dev", "dev", "test", "holdout", None, None, None]
    assert [labels.canonical_split(name) for name in names] == want
