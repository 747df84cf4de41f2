"""Columns as other programs write them."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.errors import UserError
from emotionscope.tables import contracts, datasets
from tests.helpers.dialogue_tables import dialogues, invalid_utf8, write

TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())


def read_one(folder: Path, *parts: pa.Table) -> pa.Table:
    return datasets.read(datasets.open_dataset(write(folder, *parts), "dialogues"))


@pytest.mark.parametrize("kind", [*TEXT, pa.dictionary(pa.int8(), pa.string()), pa.null()], ids=str)
def test_every_way_of_storing_text_is_read_as_text(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array([None] * 3 if kind == pa.null() else ["ä", None, "💥"]).cast(kind)
    names = ("dialogue_id", "utterance", "video", "speaker", "emotion", "split")
    table = read_one(tmp_path / "d", dialogues(3, **dict.fromkeys(names, values)))
    for name in names:
        assert table.schema.field(name).type == pa.string()
        assert table[name].to_pylist() == values.cast(pa.string()).to_pylist()


def test_text_in_files_of_different_types_is_one_column(tmp_path: Path) -> None:
    parts = [dialogues(1, mine=pa.array(["ü"]).cast(kind), video=pa.array(["v"]).cast(kind)) for kind in TEXT[:3]]
    table = read_one(tmp_path / "d", *parts)
    assert table["mine"].to_pylist() == ["ü"] * 3
    assert table["video"].to_pylist() == ["v"] * 3


@pytest.mark.parametrize("name", ["dialogue_id", "utterance", "speaker", "mine"])
def test_bytes_that_are_no_utf8_become_the_replacement_character(tmp_path: Path, name: str) -> None:
    bad = invalid_utf8([b"caf\xe9", "日本".encode()[:5], None])
    assert read_one(tmp_path / "d", dialogues(3, **{name: bad}))[name].to_pylist() == ["caf�", "日�", None]
    raw = bad.cast(pa.binary())
    if name != "mine":
        assert read_one(tmp_path / "d", dialogues(3, **{name: raw}))[name].to_pylist() == ["caf�", "日�", None]
    else:
        assert read_one(tmp_path / "d", dialogues(3, mine=raw))["mine"].equals(pa.chunked_array([raw]))


def test_text_inside_of_other_columns_is_mended_too(tmp_path: Path) -> None:
    bad = invalid_utf8([b"\xff", b"a", b"b"])
    offsets = pa.array([0, 2, 2, 3], pa.int32())
    columns = {
        "lists": pa.ListArray.from_arrays(offsets, bad),
        "structs": pa.StructArray.from_arrays([bad, pa.array([1, 2, 3])], ["text", "number"]),
        "maps": pa.MapArray.from_arrays(offsets, pa.array(["x", "y", "z"]), bad),
    }
    table = read_one(tmp_path / "d", dialogues(3, **columns))
    assert table["lists"].to_pylist() == [["�", "a"], [], ["b"]]
    assert table["structs"].to_pylist()[0] == {"text": "�", "number": 1}
    assert table["maps"].to_pylist() == [[("x", "�"), ("y", "a")], [], [("z", "b")]]


def test_other_columns_keep_their_values_whatever_their_type(tmp_path: Path) -> None:
    kinds = {
        "views": pa.list_(pa.string_view()),
        "struct": pa.struct([("a", pa.dictionary(pa.int32(), pa.string())), ("b", pa.decimal128(38, 2))]),
        "map": pa.map_(pa.string(), pa.binary_view()),
        "big": pa.uint64(),
        "time": pa.timestamp("ns", "Europe/Berlin"),
        "half": pa.float16(),
        "uuid": pa.uuid(),
        "duration": pa.duration("us"),
        "fixed": pa.list_(pa.float32(), 2),
    }
    values = {
        "views": [["a"], None, []],
        "struct": [{"a": "x", "b": Decimal("1.25")}, None, {"a": None, "b": None}],
        "map": [[("k", b"\xff")], None, []],
        "big": [2**64 - 1, 0, None],
        "time": [1, None, 2**62],
        "half": [0.5, None, 2.0],
        "uuid": [b"0" * 16, None, b"1" * 16],
        "duration": [5, None, 7],
        "fixed": [[1, 2], [0, 0], [3, 4]],
    }
    columns = {name: pa.array(values[name], kind) for name, kind in kinds.items()}
    table = read_one(tmp_path / "d", dialogues(3, **columns))
    for name, column in columns.items():
        assert table[name].to_pylist() == column.to_pylist(), name
    datasets.write_part(table, str(tmp_path / "out" / "part-0.parquet"))
    again = datasets.read(datasets.open_dataset(str(tmp_path / "out"), "dialogues"))
    assert again.equals(table)


class Foreign(pa.ExtensionType):
    """A type that only the program that wrote it knows."""

    def __init__(self) -> None:
        super().__init__(pa.list_(pa.binary()), "somebody.else")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "Foreign":
        return cls()


def test_types_of_other_programs_are_carried_as_what_they_store(tmp_path: Path) -> None:
    stored = pa.array([[b"a"], None, []], pa.list_(pa.binary()))
    folder = write(tmp_path / "d", dialogues(3, mine=pa.ExtensionArray.from_storage(Foreign(), stored)))
    pa.register_extension_type(Foreign())
    try:
        known = datasets.read(datasets.open_dataset(folder, "dialogues"))
    finally:
        pa.unregister_extension_type("somebody.else")
    assert known["mine"].equals(pa.chunked_array([stored]))
    assert datasets.read(datasets.open_dataset(folder, "dialogues")).equals(known)


@pytest.mark.parametrize(
    ("name", "values", "read"),
    [
        ("utterance_id", pa.array([1, 2, 2**63 - 1], pa.uint64()), [1, 2, 2**63 - 1]),
        ("utterance_id", pa.array([1.0, float("nan"), 3.0]), [1, None, 3]),
        ("utterance_id", pa.array([1, None, 3], pa.int8()), [1, None, 3]),
        ("utterance_id", pa.array([Decimal(1), None, Decimal(3)]), [1, None, 3]),
        ("dialogue_id", pa.array([2**64 - 1, 0, None], pa.uint64()), [str(2**64 - 1), "0", None]),
        ("start", pa.array([0, 2, None], pa.uint64()), [0.0, 2.0, None]),
        ("end", pa.array([Decimal("0.10"), Decimal("2.25"), None]), [0.1, 2.25, None]),
        ("end", pa.array([0.5, 2.25, None], pa.float32()), [0.5, 2.25, None]),
    ],
)
def test_numbers_are_read_where_nothing_is_lost(
    tmp_path: Path, name: str, values: pa.Array, read: list[object]
) -> None:
    assert read_one(tmp_path / "d", dialogues(3, **{name: values}))[name].to_pylist() == read


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("utterance_id", pa.array([1, 2, 2**63 + 5], pa.uint64())),
        ("utterance_id", pa.array([1.0, 2.5, 3.0])),
        ("utterance_id", pa.array([1.0, 1e300, 3.0])),
        ("start", pa.array([0, 1, 2**53 + 1])),
        ("end", pa.array([Decimal("0.1"), Decimal("12345678901234567890.12"), None])),
    ],
)
def test_a_number_that_does_not_fit_is_refused_before_any_work(tmp_path: Path, name: str, values: pa.Array) -> None:
    folder = write(tmp_path / "d", dialogues(3), dialogues(3))
    write(tmp_path / "d", dialogues(3, **{name: values}), dialogues(3, **{name: values}))
    with pytest.raises(UserError, match=rf"part-0.parquet: column '{name}' cannot be read as") as told:
        datasets.open_dataset(folder, "dialogues")
    assert "\n" not in str(told.value)


def test_integers_beside_floats_are_carried_or_refused(tmp_path: Path) -> None:
    floats = dialogues(1, x=pa.array([0.5]))
    assert read_one(tmp_path / "a", dialogues(1, x=pa.array([2**53])), floats)["x"].to_pylist() == [2.0**53, 0.5]
    with pytest.raises(UserError, match=r"part-0.parquet: column 'x' cannot be read as double"):
        read_one(tmp_path / "b", dialogues(1, x=pa.array([2**53 + 1])), floats)
    with pytest.raises(UserError, match="column's type differs"):
        read_one(tmp_path / "c", dialogues(1, x=pa.array(["a"])), floats)


def test_a_column_of_a_job_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'_emotionscope_shard': names that begin with _emotionscope_ are taken"):
        read_one(tmp_path / "d", dialogues(3, _emotionscope_shard=pa.array(["x"] * 3)))


def test_faces_of_other_widths_and_in_another_order_are_read(tmp_path: Path) -> None:
    box = pa.struct([(side, pa.int64()) for side in "hwyx"])
    kinds = {"image": pa.large_binary(), "quality": pa.float64(), "person": pa.int8(), "box": box, "time": pa.float32()}
    kinds |= {"speaking": pa.float64(), "kept": pa.bool_(), "embedding": pa.large_list(pa.float64())}
    kinds |= dict.fromkeys(("yaw", "pitch", "roll"), pa.float64())
    face = {"time": 0.5, "box": {"x": 1, "y": 2, "w": 3, "h": 4}, "person": 1, "quality": 0.25, "kept": True}
    face |= {"speaking": 0.5, "image": b"\xff", "embedding": [0.5, -0.5], "yaw": 8.0, "pitch": 0.0, "roll": -2.0}
    faces = pa.array([[face], None, []], pa.large_list(pa.struct(list(kinds.items()))))
    table = dialogues(3, faces=faces, video_error=pa.nulls(3, pa.string()))
    read = datasets.read(datasets.open_dataset(write(tmp_path / "d", table), "keyframes"))
    assert read.schema.field("faces").type == contracts.FACES
    assert read["faces"].to_pylist() == [[face], None, []]


@pytest.mark.parametrize("faces", [["2 faces"], [7], [["x"]], [[{"time": 1.0}]], [{"x": 1}]], ids=str)
def test_faces_that_are_no_keyframes_are_refused_in_one_line(tmp_path: Path, faces: list[object]) -> None:
    table = dialogues(1, faces=pa.array(faces), video_error=pa.nulls(1, pa.string()))
    with pytest.raises(UserError, match=r"column 'faces' is .* as keyframes have it") as told:
        datasets.open_dataset(write(tmp_path / "d", table), "keyframes")
    assert "\n" not in str(told.value)
    assert datasets.read(datasets.open_dataset(str(tmp_path / "d"), "dialogues"))["faces"].to_pylist() == faces
