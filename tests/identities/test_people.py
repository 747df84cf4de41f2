"""`people` joins the persons of films: one number for one person, kept from run to run, named and corrected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.commands import people, summarise
from emotionscope.commands.settings import People, Summarise
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.tables import contracts, corrections, datasets
from emotionscope.tables.corrections import Action, Correction
from tests.helpers.scores_tables import one_answer, scores

NOISE = 0.09  # of each of 128 numbers: two faces of one person have a cosine of about 0.5


def vector(who: int, seed: int = 0) -> list[float]:
    """One of a person's faces."""
    mean = np.random.default_rng(who).standard_normal(128)
    made = mean / np.linalg.norm(mean) + NOISE * np.random.default_rng(1000 * who + seed + 7).standard_normal(128)
    return (made / np.linalg.norm(made)).astype(np.float32).tolist()


def seen(video: str, person: int, who: int | None, times: Sequence[float] = (0.0, 0.5, 1.0)) -> list[dict[str, Any]]:
    """A person's faces in a video; without `who` they are turned away."""
    box = {"x": 1, "y": 2, "w": 60, "h": 80}
    return [
        {
            "dialogue_id": video, "utterance_id": 0, "video": video, "time": time, "person": person, "box": box,
            "quality": 0.5 + time / 10,
            "embedding": None if who is None else vector(who, crc32(f'{video} {person} {n}'.encode())),
            **dict.fromkeys(EMOTIONS, 1 / 7),
        }
        for n, time in enumerate(times)
    ]  # fmt: skip


FILMS = [
    *seen("a", 0, 1), *seen("a", 1, 2), *seen("b", 0, 2, (5.0, 5.5)), *seen("b", 3, None),
    *seen("c", 1, 1), *seen("c", 2, 3),
]  # fmt: skip


def find(
    folder: Path, rows: list[dict[str, Any]] = FILMS, output: str = "people", **flags: Any
) -> dict[str, list[dict]]:
    """The rows of each table that the job writes."""
    faces = folder / f"faces-{output}"
    datasets.write_part(pa.Table.from_pylist(rows, contracts.faces_schema(True)), str(faces / "part-0.parquet"))
    people.run(People(faces=str(faces), output=str(folder / output), **flags))
    return {path.stem: pq.read_table(path).to_pylist() for path in (folder / output).glob("*.parquet")}


def identities(found: dict[str, list[dict]]) -> dict[tuple[str, int], int | None]:
    return {(row["video"], row["person"]): row["identity"] for row in found["identities"]}


def test_a_person_of_several_films_is_one_identity_and_who_is_turned_away_is_none(tmp_path: Path) -> None:
    found = find(tmp_path)
    who = identities(found)
    assert who["a", 0] == who["c", 1]
    assert who["a", 1] == who["b", 0]
    assert len({who["a", 0], who["a", 1], who["c", 2]}) == 3
    assert who["b", 3] is None
    (row,) = (row for row in found["people"] if row["identity"] == who["a", 1])
    assert (row["faces"], row["videos"], row["name"]) == (5, 2, None)
    assert row["seconds"] == pytest.approx(2 * 0.5 + 1 + 0.5 + 1)
    assert row["portrait"]["video"] == "b"
    assert row["portrait"]["time"] == 5.5
    assert row["margin"] > 0


def test_two_who_are_in_one_picture_are_never_one(tmp_path: Path) -> None:
    who = identities(find(tmp_path, [*seen("a", 0, 1), *seen("a", 1, 1), *seen("b", 0, 2)]))
    assert who["a", 0] is None or who["a", 0] != who["a", 1]


def test_a_later_run_keeps_the_identities_and_adds_to_them(tmp_path: Path) -> None:
    before = identities(find(tmp_path))
    more = [*FILMS, *seen("d", 0, 3), *seen("d", 1, 4), *seen("d", 2, 1, (9.0,))]
    found = find(tmp_path, more, "later", known=str(tmp_path / "people"))
    after = identities(found)
    assert {key: after[key] for key in before} == before
    assert (after["d", 0], after["d", 2]) == (before["c", 2], before["a", 0])
    assert after["d", 1] == 1 + max(number for number in before.values() if number is not None)

    # A table of the new films alone: what is no longer in it stays known.
    alone = find(tmp_path, more[len(FILMS) :], "alone", known=str(tmp_path / "people"))
    assert identities(alone) == after
    counted = ["identity", "faces", "videos"]
    known, new = ([[row[name] for name in counted] for row in each["people"]] for each in (alone, found))
    assert known == new


def test_names_come_from_who_is_seen_speaking(tmp_path: Path) -> None:
    speaks = [("a", 0, "Ann"), ("c", 1, "Ann"), ("c", 1, "Ann"), ("c", 2, "Ben"), ("a", 1, "Cy"), ("b", 0, "Di")]
    videos, persons, speakers = (pa.array(each) for each in zip(*speaks, strict=True))
    table = scores(
        ["joy"] * len(speaks),
        {"fused": [one_answer("joy")] * len(speaks)},
        video=videos,
        speaker_person=persons.cast(pa.int32()),
        speaker=speakers,
    )
    datasets.write_part(table, str(tmp_path / "scores/part-0.parquet"))
    found = find(tmp_path, scores=str(tmp_path / "scores"))
    who = identities(found)
    names = {row["identity"]: (row["name"], row["name_source"], row["name_count"]) for row in found["people"]}
    assert names[who["a", 0]] == ("Ann", "speech", 3)
    assert names[who["c", 2]][0] is None  # once is not enough
    assert names[who["a", 1]][0] is None  # two names, once each


def say(folder: Path, *said: tuple[str, int, Action, str], output: str = "people") -> None:
    """Correct the faces table of an output, as the pages do."""
    for each in said:
        corrections.add(str(folder / f"faces-{output}"), Correction.now(*each, by="Maria"))


def again(folder: Path, output: str, rows: list[dict[str, Any]] = FILMS, **flags: Any) -> dict[str, list[dict]]:
    """What the job says of the first faces table, with its corrections."""
    (folder / f"faces-{output}").mkdir()
    for file in (folder / "faces-people" / "_corrections").iterdir():
        copied = folder / f"faces-{output}" / "_corrections" / file.name
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes(file.read_bytes())
    return find(folder, rows, output, **flags)


@pytest.mark.parametrize("known", [False, True])
def test_what_was_said_across_films_holds_in_every_later_run(known: bool, tmp_path: Path) -> None:
    before = identities(find(tmp_path))
    say(
        tmp_path,
        ("c", 1, "differs", "0 a"),
        ("c", 2, "same", "1 a"),
        ("b", 3, "same", "0 a"),  # who is turned away
        ("z", 0, "same", "0 a"),  # who is not there
        ("a", 1, "name", "=Ben, B."),
    )
    earlier = "people"
    for night in ("corrected", "next"):
        found = again(tmp_path, night, **({"known": str(tmp_path / earlier)} if known else {}))
        earlier, who = night, identities(found)
        assert who["c", 2] == who["a", 1] == who["b", 0]
        assert not known or who["a", 1] == before["a", 1]
        assert who["b", 3] == who["a", 0] != who["c", 1]
        assert who["c", 1] not in (None, who["a", 1])
        (named,) = (row for row in found["people"] if row["name"])
        assert (named["identity"], named["name"], named["name_source"]) == (who["a", 1], "=Ben, B.", "correction")


def test_what_was_said_within_a_film_is_the_film_that_is_joined(tmp_path: Path) -> None:
    first = identities(find(tmp_path))
    say(
        tmp_path,
        ("c", 2, "merge", "1"),
        ("c", 1, "name", "Ann"),
        ("a", 0, "split", "7 0.000"),
        ("a", 1, "not", "0.000 0.500 1.000"),
    )
    found = again(tmp_path, "corrected", known=str(tmp_path / "people"))
    who = identities(found)
    assert set(who) == {("a", 0), ("a", 7), ("b", 0), ("b", 3), ("c", 1)}
    assert who["a", 0] == who["c", 1] == first["a", 0]
    assert who["a", 7] not in first.values()
    faces = {row["identity"]: row["faces"] for row in found["people"]}
    assert (faces[who["a", 0]], faces[who["a", 7]]) == (2 + 6, 1)
    assert {row["identity"] for row in found["people"] if row["name"] == "Ann"} == {who["c", 1]}


def test_votes_are_of_the_persons_as_corrected(tmp_path: Path) -> None:
    rows = [*seen("a", 0, 1), *seen("a", 1, 1, (3.0, 3.5))]
    find(tmp_path, rows)
    say(tmp_path, ("a", 1, "merge", "0"))
    table = scores(
        ["joy"] * 3,
        {"fused": [one_answer("joy")] * 3},
        video=pa.array(["a"] * 3),
        speaker_person=pa.array([0, 1, 1], pa.int32()),
        speaker=pa.array(["Ann"] * 3),
    )
    datasets.write_part(table, str(tmp_path / "scores/part-0.parquet"))
    (row,) = again(tmp_path, "corrected", rows, scores=str(tmp_path / "scores"))["people"]
    assert (row["name"], row["name_count"]) == ("Ann", 3)


def test_faces_without_embeddings_are_refused_with_the_way_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--embeddings"):
        find(tmp_path, seen("a", 0, None))


def test_summaries_count_by_identity_with_names_and_shifts_and_what_was_said_since(tmp_path: Path) -> None:
    emotions = {0.0: "joy", 0.5: "joy", 1.0: "anger", 5.0: "fear", 5.5: "fear"}
    films = [
        face | dict(zip(EMOTIONS, one_answer(emotions[face["time"]]), strict=True)) | {"utterance_id": 2 * face["time"]}
        for face in FILMS
    ]
    found = find(tmp_path, films)
    who = identities(found)
    table = scores(["joy"], {"fused": [one_answer("joy")]}, video=pa.array(["a"]))
    datasets.write_part(table, str(tmp_path / "scores/part-0.parquet"))
    say(tmp_path, ("a", 1, "name", "Ben"), ("c", 2, "merge", "1"), ("b", 3, "name", "Cy"))
    flags = {"faces": str(tmp_path / "faces-people"), "people": str(tmp_path / "people")}
    summarise.run(Summarise(scores=str(tmp_path / "scores"), output=str(tmp_path / "counted"), **flags))
    counted = {row["identity"]: row for row in pq.read_table(tmp_path / "counted/identities.parquet").to_pylist()}
    assert {number: (row["name"], row["rows"]) for number, row in counted.items()} == {
        who["a", 0]: (None, 3 + 6),
        who["a", 1]: ("Ben", 5),
    }
    persons = pq.read_table(tmp_path / "counted/persons.parquet").to_pylist()
    assert {(row["video"], row["person"]): row["name"] for row in persons} == {
        ("a", 0): None, ("a", 1): "Ben", ("b", 0): "Ben", ("b", 3): "Cy", ("c", 1): None
    }  # fmt: skip
    shifts = {number: (row["same_person_pairs"], row["same_person_shifts"]) for number, row in counted.items()}
    assert shifts == {who["a", 0]: (2 + 2, 1 + 1), who["a", 1]: (2 + 1, 1 + 0)}
