"""What people say of who is who: it is kept, whoever else says something at the same time, and it counts in order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import UserError
from emotionscope.tables import corrections
from emotionscope.tables.corrections import Action, Correction, Who

FACES = pd.DataFrame({"video": ["a", "a", "a", "b"], "time": [0.5, 1.0, 1.5, 0.5], "person": [0, 0, 1, 0]})


def said(person: int, action: Action, value: str, second: int = 0, video: str = "a") -> Correction:
    return Correction(video, person, action, value, "Maria", f"2026-01-01T00:00:{second:02d}+00:00")


def people(*found: Correction) -> list[int | None]:
    numbers = corrections.apply(FACES, found)["person"]
    return [None if pd.isna(number) else int(number) for number in numbers]


def test_corrections_change_who_is_who_one_after_another() -> None:
    assert people() == [0, 0, 1, 0]
    assert people(said(1, "merge", "0")) == [0, 0, 0, 0]
    assert people(said(0, "split", "7 1.0")) == [0, 7, 1, 0]
    assert people(said(0, "not", "0.5 1.0")) == [None, None, 1, 0]
    assert people(said(0, "split", "7 1.0"), said(7, "merge", "1")) == [0, 1, 1, 0]
    assert people(said(0, "merge", "no number"), said(9, "not", "")) == [0, 0, 1, 0]


def test_the_last_name_counts_and_a_merge_hands_it_on() -> None:
    found = [said(0, "name", "Ann"), said(1, "name", "Bob"), said(0, "name", "Anna"), said(0, "speaker", "SPEAKER_01")]
    assert corrections.called(found, "name") == {("a", 0): "Anna", ("a", 1): "Bob"}
    assert corrections.called(found, "speaker") == {("a", 0): "SPEAKER_01"}
    assert corrections.called([*found, said(0, "name", "")], "name") == {("a", 1): "Bob"}
    assert corrections.called([*found[1:2], said(1, "merge", "2")], "name") == {("a", 2): "Bob"}
    assert corrections.called([*found, said(1, "merge", "0")], "name") == {("a", 0): "Anna"}


def test_who_is_one_across_films_is_what_was_said_last() -> None:
    a, b, seven = ("a", 0), ("b 1.mp4", 3), ("a", 7)
    found = [said(0, "same", "3 b 1.mp4"), said(3, "differs", "0 a", video="b 1.mp4"), said(0, "split", "7 1.0")]
    assert corrections.links(found) == {(b, a): False, (a, seven): False}
    assert corrections.links([*found, said(7, "merge", "0")]) == {(b, a): False}
    assert corrections.links([*found, said(0, "merge", "2")]) == {(b, ("a", 2)): False, (("a", 2), seven): False}
    assert corrections.links([said(0, "same", "no number")]) == {}


def test_a_name_is_that_of_all_of_an_identity() -> None:
    known = {("a", 0): Who(4, "Ann"), ("a", 1): Who(4, "Ann"), ("b", 0): Who(4, "Ann"), ("b", 1): Who(None, None)}
    who = corrections.as_said(known, [said(0, "name", "Anna"), said(1, "differs", "0 a"), said(9, "speaker", "Ben")])
    assert who == {
        ("a", 0): Who(4, "Anna"), ("a", 1): Who(None, None), ("b", 0): Who(4, "Anna"), ("b", 1): Who(None, None),
        ("a", 9): Who(None, "Ben"),
    }  # fmt: skip
    assert corrections.as_said(known, [said(1, "same", "0 a", video="b")])["b", 1] == Who(4, "Ann")


def test_nothing_is_lost_where_several_say_something_at_once(tmp_path: Path) -> None:
    own = [said(person, "name", f"person {person}") for person in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: corrections.add(str(tmp_path), each), own))
    assert sorted(corrections.read(str(tmp_path)), key=lambda each: each.person) == own
    plain = pq.read_table(tmp_path / "_corrections")
    assert plain.schema.names == ["video", "person", "action", "value", "by", "when"]
    corrections.remove(str(tmp_path), own[3])
    assert len(corrections.read(str(tmp_path))) == 39


def test_they_lie_beside_a_table_that_is_one_file_and_in_s3(tmp_path: Path, bucket: str) -> None:
    for table in (f"{tmp_path}/faces.parquet", f"{bucket}/faces"):
        corrections.add(table, said(0, "name", "Ann"))
        assert corrections.read(table) == [said(0, "name", "Ann")]
    assert list((tmp_path / "_corrections").iterdir())


def test_a_file_that_is_no_table_of_corrections_is_named(tmp_path: Path) -> None:
    (tmp_path / "_corrections").mkdir()
    (tmp_path / "_corrections" / "mine.parquet").write_text("not Parquet")
    with pytest.raises(UserError, match=r"mine\.parquet: not a table of corrections"):
        corrections.read(str(tmp_path))
