"""A malformed bundle is one line, before much of it is read."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotionscope.bundle import model_card, store
from emotionscope.errors import UserError
from emotionscope.fusion import TEXT_ALONE
from emotionscope.labels import EMOTIONS
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.vision import model as vision_model

DEEP = "[" * 100_000


def write(folder: Path, fusion: bytes = TEXT_ALONE.to_bytes(), **changes: Any) -> str:
    """A bundle of a fusion alone, with fields of its manifest changed."""
    entry = {"file": "fusion.json", "sha256": hashlib.sha256(fusion).hexdigest()}
    manifest = {"format": store.FORMAT, "version": "0" * 12, "labels": list(EMOTIONS), "parts": {"fusion": entry}}
    (folder / "bundle.json").write_text(json.dumps(manifest | changes))
    (folder / "fusion.json").write_bytes(fusion)
    return str(folder)


def test_a_whole_bundle_is_read(tmp_path: Path) -> None:
    assert store.load_fusion(write(tmp_path)) == TEXT_ALONE


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": 3},
        {"labels": [3, "joy"]},
        {"labels": None},
        {"labels": dict.fromkeys(EMOTIONS, 1)},
        {"version": None},
        {"version": 7},
        {"version": ["x"]},
        {"version": "../../etc"},
        {"version": "<b>"},
        {"parts": []},
        {"parts": {"fusion": []}},
        {"parts": {"fusion": {"file": "fusion.json"}}},
        {"parts": {"fusion": {"file": 3, "sha256": "0"}}},
        {"parts": {"code": {"file": "x", "sha256": "0"}}},
        {"parts": {"fusion": {"file": "../fusion.json", "sha256": "0"}}},
        {"parts": {"fusion": {"file": "gone.json", "sha256": "0"}}},
    ],
    ids=str,
)
def test_a_manifest_with_fields_of_another_kind_is_one_line(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError) as told:
        store.load_fusion(write(tmp_path, **changes))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", ["", "[]", "{", "3", DEEP, '{"format": 1e999}', "{}\0"], ids=range(7))
def test_a_manifest_that_is_none_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "bundle.json").write_text(content)
    with pytest.raises(UserError) as told:
        store.read_manifest(str(tmp_path))
    assert "\n" not in str(told.value)


def fusion(**changes: Any) -> bytes:
    return json.dumps(json.loads(TEXT_ALONE.to_bytes()) | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        fusion(bias=[0.0] * 7),
        fusion(bias={key: [1.0] for key in EMOTIONS}),
        fusion(bias=3),
        fusion(text=10**400),
        fusion(text=float("nan")),
        fusion(vision=float("inf")),
        fusion(vision=None),
        b"3",
        b"[]",
        DEEP.encode(),
        b"\xff",
    ],
    ids=range(11),
)
def test_weights_of_a_fusion_that_are_no_finite_numbers_are_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match="the fusion model cannot be loaded") as told:
        store.load_fusion(write(tmp_path, content))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["bundle.json", "fusion.json"])
def test_a_file_that_is_huge_or_no_regular_file_is_refused_unread(tmp_path: Path, name: str) -> None:
    place = write(tmp_path)
    with (tmp_path / name).open("r+b") as file:
        file.truncate(8 * 2**30)  # sparse
    with pytest.raises(UserError, match="larger than"):
        store.load_fusion(place)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)  # nobody writes to it: who opened it would wait for ever
    with pytest.raises(UserError, match="not a regular file"):
        store.load_fusion(place)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="not a regular file"):
        store.load_fusion(place)


def vision_of(weight: float) -> bytes:
    """A vision model whose answers all come from one weight."""
    made = vision_model.create(32, seed=0)
    with torch.no_grad():
        made.network.double().fc.weight.fill_(weight)
    return made.to_bytes(torch.float64)


def text_of(*words: str) -> bytes:
    """A text model that knows these words."""
    count = len(words)
    numbers = {"idf": np.ones(count, np.float32), "weights": np.ones((count, 7), np.float32)}
    points = np.array([ord(letter) for word in words for letter in word], np.uint32)
    sizes, bias = np.array(list(map(len, words)), np.uint32), np.zeros(7, np.float32)
    lengths = NGramLengths((1, 1), (2, 2), False)
    return TextModel(lengths, EMOTIONS, (count, 0, 0), 1.0, points, sizes, bias=bias, **numbers).to_bytes()


@pytest.mark.parametrize(
    ("part", "good", "bad"),
    [
        ("text", text_of("good", "bad"), text_of()),
        ("vision", vision_of(1.0), vision_of(1e308)),
        ("vision", vision_of(1.0), vision_of(3e38)),
        ("fusion", TEXT_ALONE.to_bytes(), fusion(speaking=0.5, prior=dict.fromkeys(EMOTIONS, 1 / 6) | {"joy": 1e-320})),
    ],
)
def test_a_model_that_answers_nothing_is_refused_when_it_is_loaded(
    tmp_path: Path, part: store.Part, good: bytes, bad: bytes
) -> None:
    place = str(tmp_path / "bundle")
    store.publish(place, "text", text_of("good", "bad"), {})
    store.publish(place, part, good, {}, replace=True)
    store.load(place)
    store.publish(place, part, bad, {}, replace=True)
    with pytest.raises(UserError, match=f"the {part} model cannot be loaded: it answers nothing"):
        store.load(place)


@pytest.mark.parametrize(
    "record",
    [
        {"data": 3},
        {"data": {"name": "d", "rows": "many", "files": 1, "sha256": ""}},
        {"test": {"n": 0, "accuracy": 2}},
        {"test": [1]},
        {"test": {"n": 10**400, "accuracy": 0.5}},
        {"dev": {"n": 3, "accuracy": 0.5, "per_emotion": {"joy": {"precision": None}}}},
        {"left_out": 7, "data": {"name": "d", "rows": 1, "files": 1, "sha256": ""}},
        {"packages": "all"},
        {"bytes": "many"},
        {"encoder": 5},
    ],
    ids=str,
)
def test_a_card_of_odd_fields_is_one_line_and_nothing_is_published(tmp_path: Path, record: dict[str, Any]) -> None:
    place = tmp_path / "bundle"
    store.publish(str(place), "text", text_of("good", "bad"), {})
    manifest = store.read_manifest(str(place))
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    odd = {**manifest, "parts": {"text": {**manifest["parts"]["text"], **record}}}
    with pytest.raises(UserError, match="model card") as told:
        model_card.render(odd)
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="model card"):
        store.publish(str(place), "text", text_of("other"), record, replace=True)
    assert {name: (place / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 10**9),
        ("image_size", float("inf")),
        ("image_size", 10**400),
        ("image_size", "big"),
        ("image_size", -1),
        ("mean", float("nan")),
        ("std", 0.0),
        ("std", float("inf")),
        ("std", None),
    ],
)
def test_a_vision_model_of_absurd_size_or_normalisation_is_refused(name: str, value: Any) -> None:
    payload = vision_model.create(32, seed=0).to_bytes()
    length = int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8 : 8 + length])
    model = json.loads(header["__metadata__"]["model"])
    header["__metadata__"]["model"] = json.dumps(model | {name: value})
    text = json.dumps(header).encode()
    with pytest.raises(ValueError, match="not a vision model"):
        vision_model.VisionModel.from_bytes(len(text).to_bytes(8, "little") + text + payload[8 + length :])
