"""Differences between two bundles or versions: data, settings and figures, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass

from emotionscope.storage.place import JsonObject

PARTS = ("text", "vision", "fusion")
SPLITS = ("dev", "test")
FIGURES = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")


@dataclass(frozen=True)
class Change:
    """A value that differs: of which part, what it is, and its two values as text; "–" where there is none."""

    part: str
    name: str
    before: str
    after: str


def changes(before: JsonObject, after: JsonObject) -> list[Change]:
    """The differences between two manifests, as `store.read_manifest` returns them."""
    return [change for part in PARTS for change in _part(part, before["parts"].get(part), after["parts"].get(part))]


def _part(part: str, before: JsonObject | None, after: JsonObject | None) -> Iterator[Change]:
    if before is None or after is None:
        if before is not after:
            yield Change(part, "model", _text(before and "there"), _text(after and "there"))
        return
    old, new = _facts(before), _facts(after)
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield Change(part, name, _text(old.get(name)), _text(new.get(name)))
    if before.get("sha256") != after.get("sha256"):
        yield Change(part, "weights", _text(before.get("sha256"))[:12], _text(after.get("sha256"))[:12])


def _facts(entry: JsonObject) -> dict[str, object]:
    """A part's data, settings and figures by a name that people read."""
    data = entry.get("data") or {}
    found: dict[str, object] = {f"data: {name}": data.get(name) for name in ("name", "rows", "sha256") if name in data}
    found |= {f"setting: {name}": value for name, value in (entry.get("settings") or {}).items()}
    for split in SPLITS:
        figures = entry.get(split) or {}
        found |= {f"{split}: {name.replace('_', ' ')}": figures[name] for name in FIGURES if name in figures}
    return found


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else " ".join(str(value).split())[:80]
