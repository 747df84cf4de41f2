"""The layers that docs/architecture.md shows people are the ones that the imports keep to."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("emotionscope", "jobs", "benchmarks")
LONGEST_FUNCTION = 60  # lines


def source_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def room_of(module: str) -> str | None:
    """The room of a dotted module name: a package or single file of emotionscope, or a top-level folder."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return None
    return parts[0] if parts[0] != "emotionscope" else ".".join(parts[:2])


def layers() -> dict[str, int]:
    """The layer of each room, from the numbered table in docs/architecture.md."""
    table = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    found: dict[str, int] = {}
    for number, rooms in table:
        for name in re.findall(r"`([\w./]+)`", rooms):
            room = name.rstrip("/").removesuffix(".py").replace("/", ".")
            found[room if room in PACKAGES else f"emotionscope.{room}"] = int(number)
    return found


def imports(path: Path) -> set[str]:
    """The rooms that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} if node.module != "emotionscope" else {f"emotionscope.{a.name}" for a in node.names}
    return {room for name in names if (room := room_of(name))}


def own_room(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    return room_of(".".join(part for part in relative.parts if part != "__init__")) or ""


def test_every_room_has_its_layer_in_the_document() -> None:
    rooms = {own_room(path) for path in source_files()} - {"emotionscope"}
    assert rooms == set(layers())


def test_imports_only_go_down() -> None:
    known = layers()
    up = []
    for path in source_files():
        here = own_room(path)
        if here != "emotionscope":  # the package itself may show what is inside
            above = {room for room in imports(path) - {here} if known.get(room, 0) >= known[here]}
            up += [f"{path.relative_to(ROOT)}: {room}" for room in above]
    assert not up


def test_every_package_says_what_belongs_in_it() -> None:
    for path in (ROOT / "emotionscope").glob("*/__init__.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert "Here:" in docstring, path
        assert "Not here:" in docstring, path


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not long
