"""Take the pictures of the pages Archive, Dialogue, Try it and Model again, over the films of the demo.

Run ``python docs/pictures.py`` after ``make demo``. It needs the packages of the extra dev,
and Chromium (``apt-get install chromium-headless-shell``).
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from emotionscope import cli
from emotionscope.errors import JobError, UserError
from emotionscope.tables import datasets
from emotionscope.video import keyframes
from emotionscope.video.faces import FaceSettings
from emotionscope.video.sandbox import IsolatedFaces

DOCS = Path(__file__).parent
FILM = "tears_of_steel_teaser.mp4"
SENTENCE = "Why don't you just admit that you're freaked out by my robot hand?"
PAGES = {
    "archive": "",
    "dialogue": f"dialogue?dialogue={urllib.parse.quote(FILM)}",
    "try": "try",
    "model": "model",
}
SIZE, SCALE = {"width": 1280, "height": 1300}, 0.75  # of the window; of a picture to it
PATIENCE = 300_000  # milliseconds for a page to be drawn


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Settings of the pictures."""

    demo: cli.Path = "demo"
    """Folder that the demo has made."""


NOTHING = Pictures()  # no flag is required, so the command line needs a default for all of them


def run(settings: Pictures = NOTHING) -> None:
    """Take each page in light and in dark, beside this file."""
    demo, chromium = Path(settings.demo), shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not (demo / "scores").is_dir():
        raise UserError(f"{demo}: no demo; run make demo first")
    if not chromium:
        raise UserError("no Chromium: apt-get install chromium-headless-shell")
    with tempfile.TemporaryDirectory() as place, _serving(demo, place) as address, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]  # else letters stand unevenly
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for scheme in ("light", "dark"):
            page = browser.new_context(viewport=SIZE, device_scale_factor=SCALE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            page.set_default_timeout(PATIENCE)
            for name, part in PAGES.items():
                page.goto(f"{address}/{part}")
                _wait(page)
                if name == "try":
                    page.get_by_label("What is said").fill(SENTENCE)
                    page.get_by_role("button", name="Score").click()
                    page.wait_for_timeout(2000)  # until the form is taken
                    _wait(page)
                page.screenshot(path=DOCS / f"dashboard-{name}-{scheme}.png")
                print(f"docs/dashboard-{name}-{scheme}.png", flush=True)
        browser.close()


@contextmanager
def _serving(demo: Path, place: str) -> Iterator[str]:
    """The address of the pages over the demo, with the pictures of the faces."""
    dialogues = datasets.read(datasets.open_dataset(str(demo / "dialogues"), "dialogues"))
    finder = IsolatedFaces(FaceSettings())
    table = keyframes.extract(dialogues, str((demo / "films").absolute()), finder).drop_columns([keyframes.TRACKS])
    finder.close()
    datasets.write_part(table, f"{place}/keyframes/part-00000.parquet")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--scores", f"{demo}/scores", "--faces", f"{demo}/faces", "--videos", f"{demo}/films"]
    flags += ["--keyframes", f"{place}/keyframes", "--port", str(port)]
    command = [sys.executable, "-m", "jobs.dashboard", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            if not server.stdout or not any("http://" in line for line in server.stdout):
                raise JobError("the pages did not open")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(page: Page) -> None:
    """Return once the page stands still: no part of it is being drawn."""
    page.locator("h1").first.wait_for()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_selector("[data-stale=true], .stSpinner, [data-testid=stSkeleton]", state="detached")
    page.wait_for_timeout(1500)  # the charts move into their places


if __name__ == "__main__":
    cli.main(run)
