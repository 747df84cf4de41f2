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
from emotionscope.tables import contracts, datasets
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
    known, new = ({row["identity"]: row["embeddings"] for row in each["centroids"]} for each in (alone, found))
    assert known == pytest.approx(new)


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


def test_corrections_are_applied_in_order_and_again_the_next_night(tmp_path: Path) -> None:
    who = identities(find(tmp_path))
    one, other, third = who["a", 0], who["a", 1], who["c", 2]
    lines = [
        "action,identity,video,person,into,name",
        "split,,c,1,,",
        f"merge,{third},,,{other},",
        f'name,{other},,,,"=Ben, B."',
        f"not,{one},a,0,,",
    ]
    (tmp_path / "wrong.csv").write_text("\n".join(lines))
    for night, known in (("corrected", "people"), ("next", "corrected")):
        flags = {"known": str(tmp_path / known), "corrections": str(tmp_path / "wrong.csv")}
        found = find(tmp_path, output=night, **flags)
        now = identities(found)
        assert now["c", 2] == now["a", 1] == now["b", 0] == other
        assert now["a", 0] is None
        assert now["c", 1] not in (one, other, third, None)
        assert {row["identity"]: row["name"] for row in found["people"]}[other] == "=Ben, B."


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("eat,1,,,,", "action 'eat'"),
        ("merge,0,,,x,", "into 'x'"),
        ("merge,0,,,,", "merge needs identity and into"),
        ("merge,0,,,99,", "no identity 99"),
        ("split,,z,0,,", "z has no person 0"),
    ],
)
def test_a_correction_that_cannot_be_is_one_line(line: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text(f"action,identity,video,person,into,name\n{line}")
    with pytest.raises(UserError, match=complaint):
        find(tmp_path, corrections=str(tmp_path / "wrong.csv"))


def test_faces_without_embeddings_are_refused_with_the_way_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--embeddings"):
        find(tmp_path, seen("a", 0, None))


def test_summaries_count_by_identity_and_name(tmp_path: Path) -> None:
    found = find(tmp_path)
    table = scores(["joy"], {"fused": [one_answer("joy")]}, video=pa.array(["a"]))
    datasets.write_part(table, str(tmp_path / "scores/part-0.parquet"))
    flags = {"faces": str(tmp_path / "faces-people"), "people": str(tmp_path / "people")}
    summarise.run(Summarise(scores=str(tmp_path / "scores"), output=str(tmp_path / "counted"), **flags))
    rows = pq.read_table(tmp_path / "counted/identities.parquet").to_pylist()
    faces = {row["identity"]: row["faces"] for row in found["people"]}
    assert {row["identity"]: row["rows"] for row in rows} == faces
