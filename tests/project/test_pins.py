"""The versions that `make` installs: every package of the list of known holes is pinned to one that has them closed."""

from packaging.version import Version

from tests.conftest import ROOT

# A package, the first version without the hole, and the hole. `make audit` asks the list that is kept on the internet.
HOLES = [line.split("\t") for line in (ROOT / "tests/project/known_holes.tsv").read_text().splitlines()]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())


def test_no_pinned_version_has_a_known_hole() -> None:
    open_ = [f"{name} {PINS[name]}: {hole}" for name, safe, hole in HOLES if Version(PINS[name]) < Version(safe)]
    assert open_ == []


def test_the_environment_that_make_sets_up_has_the_pinned_pip() -> None:
    setup = (ROOT / "Makefile").read_text().partition("\n.venv/ready:")[2].partition("\n\n")[0]
    assert "-c constraints.txt pip " in setup  # a new environment has the pip that its Python came with
