"""A bundle's versions: none is lost, each can be named, compared and gone back to."""

from pathlib import Path

import pytest

from emotionscope.bundle import difference, store
from emotionscope.errors import UserError
from emotionscope.fusion import Fusion
from emotionscope.labels import EMOTIONS
from tests.conftest import run_here


@pytest.fixture(scope="module")
def shipped_text() -> bytes:
    entry = store.read_manifest(store.SHIPPED)["parts"]["text"]
    return Path(store.SHIPPED, entry["file"]).read_bytes()


@pytest.fixture
def twice(shipped_text: bytes, tmp_path: Path) -> tuple[str, str, str]:
    """A bundle with two versions that differ in their fusion, and the two."""
    uri = str(tmp_path / "bundle")
    store.publish(uri, "text", shipped_text, {})
    versions = []
    for weight, rows in ((0.1, 10), (0.2, 20)):
        fusion = Fusion(weight, weight, dict.fromkeys(EMOTIONS, 1 / 7))
        record = {"settings": {"split": "dev"}, "data": {"name": "x", "rows": rows, "files": 1, "sha256": "0" * 16}}
        versions.append(store.publish(uri, "fusion", fusion.to_bytes(), record, replace=True))
    return uri, versions[0], versions[1]


def test_a_version_is_loaded_by_its_name(twice: tuple[str, str, str]) -> None:
    uri, first, second = twice
    weights = []
    for name in (f"{uri}@{first}", f"{uri}@{second}", uri):
        fusion = store.load(name, faces=False).fusion
        assert fusion
        weights.append(fusion.unknown)
    assert weights == [0.1, 0.2, 0.2]
    with pytest.raises(UserError, match="no version 0123456789ab"):
        store.read_manifest(f"{uri}@0123456789ab")


def test_all_versions_are_listed_the_newest_marked(
    twice: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    uri, first, second = twice
    assert {first, second} < {manifest["version"] for manifest in store.versions(uri)}
    assert run_here("bundle", "--bundle", uri) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [version for version in (first, second) for line in lines if version in line and "newest" in line] == [
        second
    ]


def test_what_changed_between_two_versions_is_told(
    twice: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    uri, first, _ = twice
    found = difference.changes(store.read_manifest(f"{uri}@{first}"), store.read_manifest(uri))
    assert [(change.part, change.name) for change in found] == [("fusion", "data: rows"), ("fusion", "weights")]
    assert run_here("bundle", "--bundle", uri, "--against", f"{uri}@{first}") == 0
    assert "data: rows" in capsys.readouterr().out


def test_going_back_makes_an_earlier_version_the_newest(twice: tuple[str, str, str]) -> None:
    uri, first, second = twice
    assert run_here("bundle", "--bundle", uri, "--restore", first) == 0
    assert store.read_manifest(uri)["version"] == first
    assert first in Path(uri, "README.md").read_text()
    assert run_here("bundle", "--bundle", uri, "--restore", "0123456789ab") == 2
    assert {first, second} < {manifest["version"] for manifest in store.versions(uri)}
