"""How long a visitor waits in a real browser for the pages of an archive."""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from benchmarks.measure import Figure
from emotionscope.errors import UserError

PORT = 8599
VISITS = 3  # first visits, of each of which the browser knows nothing; the median counts
WINDOW: ViewportSize = {"width": 1400, "height": 900}  # pixels
MARK = '[data-testid="stVegaLiteChart"] path[role="graphics-symbol"]'
TITLES = ("Shifts", "Groups", "Review", "Model", "Archive")


def figures(archive: str) -> list[Figure]:
    """A first visit, each page after it, and a filter, beside their targets on two older cores that are idle."""
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if chromium is None:
        raise UserError("the visits need Chromium, which is not installed")
    with serving(archive), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        _first_visit(browser)  # for which the server opens the archive
        visits = [_first_visit(browser) for _ in range(VISITS)]
        found = [
            Figure("first visit, title, s", statistics.median(title for title, _ in visits), most=1.4),
            Figure("first visit, first chart, s", statistics.median(chart for _, chart in visits), most=2.5),
        ]
        return found + _next_steps(browser)


@contextmanager
def serving(archive: str) -> Iterator[int]:
    """The pages of an archive at `PORT` until the block ends; the number of the process that serves them."""
    command = [sys.executable, "-m", "jobs.dashboard", "--scores", archive, "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or not any("http://" in line for line in server.stdout):
                raise UserError("the pages did not open")
            yield server.pid
        finally:
            server.terminate()


def _first_visit(browser: Browser) -> tuple[float, float]:
    """Seconds until the title and until the first mark of a chart."""
    with browser.new_context(viewport=WINDOW) as context:
        page = context.new_page()
        began = time.monotonic()
        page.goto(f"http://127.0.0.1:{PORT}", wait_until="commit")
        page.locator("h1").first.wait_for()
        title = time.monotonic() - began
        page.locator(MARK).first.wait_for(state="attached")
        return title, time.monotonic() - began


def _next_steps(browser: Browser) -> list[Figure]:
    """Seconds that other pages and a filter take in a window that has been open for a while."""
    with browser.new_context(viewport=WINDOW) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{PORT}")
        _wait(page, "Archive")
        found = []
        for title in TITLES:
            began = time.monotonic()
            page.get_by_test_id("stPageLink").filter(has_text=title).get_by_role("link").click()
            _wait(page, title)
            found.append(Figure(f"page {title}, s", time.monotonic() - began, most=1.2))
        began = time.monotonic()
        page.get_by_label("Text contains").fill("you")
        page.get_by_label("Text contains").press("Enter")
        page.get_by_role("button", name="text contains").wait_for()
        _wait(page, "Archive")
        return [*found, Figure("a filter by words, s", time.monotonic() - began, most=0.7)]


def _wait(page: Page, title: str) -> None:
    page.locator("h1", has_text=title).wait_for()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
