"""What people read: a short README, an index that is complete, links that lead somewhere, jobs that exist."""

import re
from pathlib import Path

import pytest

from emotionscope.commands import NAMES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "cluster" / "README.md", *(ROOT / "docs").rglob("*.md")]
LONGEST_README = 120  # lines


def links(page: Path) -> set[str]:
    """The relative links and pictures of a page, without their anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", page.read_text())
    return {(one or other).split("#")[0] for one, other in found if "://" not in one} - {""}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    assert not [link for link in links(page) if not (page.parent / link).exists()]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def test_the_index_lists_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= links(ROOT / "docs" / "README.md")


def test_the_readme_lists_every_job() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert listed == list(NAMES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_in_the_pages_name_jobs_that_exist(page: Path) -> None:
    named = re.findall(r"(?:^emotionscope |`emotionscope |jobs\.)([a-z_]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= set(NAMES)
