"""An archive made by hand, in which some rows are hostile, and the pages that show it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from playwright.sync_api import Page, expect

from emotionscope.bundle import store as bundles
from emotionscope.commands import summarise
from emotionscope.commands.settings import Summarise
from emotionscope.fusion import Probabilities
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.tables import columns, contracts, datasets
from tests.conftest import ROOT, free_port
from tests.helpers.obvious import keyframes
from tests.helpers.videos import numbered, write_video

# What a page would show, load or run if it took a text for Markdown or HTML.
HOSTILE = (
    '<img src="http://evil.example/a.png" onerror="window.hacked=1">',
    "![a](http://evil.example/b.png) [link](http://evil.example/c) <b>bold</b>",
    '</p></div><script src="http://evil.example/d.js">window.hacked=1</script>',
    "<style>@import 'http://evil.example/e.css'; body{background:url(http://evil.example/f.png)}</style>",
    ":material/home: :red[red] $\\href{http://evil.example/g}{x}$ `code` # heading",
    '"><iframe src="http://evil.example/h"></iframe><svg onload="window.hacked=1">',
    "\u202eevil\u202d =HYPERLINK('http://evil.example/i')",
)
HOSTILE_COLUMN = "![c](http://evil.example/j.png)<img src=http://evil.example/k.png>"
HOSTILE_VIDEO = "../keyframes/part-0.parquet"
FILM = ((1.0, 2.5), (3.0, 4.0), (8.0, 10.5))  # seconds in which the utterances of a film start and end
HOSTILE_DIALOGUE = "<img src=http://evil.example/l.png>&dialogue=x#y ![z](http://evil.example/m.png)"


def make_archive(folder: Path) -> None:
    """Write `keyframes`, `scores` of the shipped bundle's version with `summaries`, and those `before` of another.

    One dialogue is a film in the folder `videos`, of whose people there are `faces`.
    """
    table = _with_hostile_rows(_with_film(keyframes(each=16)))
    datasets.write_part(_faces(), f"{folder}/faces/part-0.parquet")
    (folder / "videos").mkdir()
    write_video(folder / "videos/film.mp4", (numbered(n) for n in range(12 * 24)), options={"sc_threshold": "0"})
    datasets.write_part(table, f"{folder}/keyframes/part-0.parquet")
    datasets.write_part(_scores(table, seed=0), f"{folder}/scores/part-0.parquet")
    summarise.run(Summarise(scores=f"{folder}/scores", faces=f"{folder}/faces", output=f"{folder}/summaries"))
    before = _scores(table, seed=1)
    before = before.set_column(
        before.column_names.index("bundle"), "bundle", pa.array(["0123456789ab"] * len(before), pa.string())
    )
    datasets.write_part(before, f"{folder}/before/part-0.parquet")


def _with_hostile_rows(table: pa.Table) -> pa.Table:
    """The rows, and below them a dialogue of hostile texts; with columns of a user's own."""
    rows = table.to_pylist()
    for number, text in enumerate(HOSTILE):
        own = {
            "dialogue_id": HOSTILE_DIALOGUE,
            "utterance_id": number,
            "utterance": text,
            "speaker": text,
            "emotion": text if number % 2 else "joy",
            "split": text if number % 3 == 0 else "test",
            "video_error": text,
            "video": HOSTILE_VIDEO,
        }
        rows.append({**rows[number], **own})
    schema = table.schema.append(pa.field(HOSTILE_COLUMN, pa.string())).append(pa.field("channel", pa.string()))
    for number, row in enumerate(rows):
        row |= {HOSTILE_COLUMN: HOSTILE[number % len(HOSTILE)], "channel": ("east", "west")[number % 2]}
    return pa.Table.from_pylist(rows, schema=schema)


def _with_film(table: pa.Table) -> pa.Table:
    """The rows, and below them those of a film, each of which has a time in it."""
    schema = pa.schema([*table.schema, ("video", pa.string()), ("start", pa.float64()), ("end", pa.float64())])
    rows = table.to_pylist()
    for number, (start, end) in enumerate(FILM):
        own = {"dialogue_id": "film.mp4", "utterance_id": number, "utterance": f"In the film, line {number}"}
        rows.append({**rows[number], **own, "video": "film.mp4", "start": start, "end": end})
    return pa.Table.from_pylist(rows, schema=schema)


def _faces() -> pa.Table:
    """A faces table of the film: the first person is seen in each utterance, the other in the last, and with them
    somebody whom nobody knows."""
    seen: list[tuple[int, int | None, float, str]] = [
        (number, 0, start + 0.5, "joy") for number, (start, _) in enumerate(FILM)
    ]
    seen.append((len(FILM) - 1, 1, FILM[-1][0] + 1, "anger"))
    seen.append((len(FILM) - 1, None, FILM[-1][0] + 2, "fear"))
    rows = [
        {"dialogue_id": "film.mp4", "utterance_id": number, "video": "film.mp4", "time": time, "person": person}
        | {name: 0.7 if name == emotion else 0.05 for name in EMOTIONS}
        for number, person, time, emotion in seen
    ]
    return pa.Table.from_pylist(rows, schema=contracts.faces_schema())


def _scores(table: pa.Table, seed: int) -> pa.Table:
    """Scores that are mostly right, the texts' more often than the faces', fused as the shipped bundle fuses."""
    rng = np.random.default_rng(seed)
    bundle = bundles.chosen(None)
    truth = [EMOTIONS.index(label) if label in EMOTIONS else 0 for label in table["emotion"].to_pylist()]
    text, vision = _answers(rng, truth, 0.8), _answers(rng, truth, 0.5)
    fusion = bundles.load_fusion(bundle)
    assert fusion is not None
    carried = table.drop_columns(["faces", "video_error"])
    made = {name: carried[name] for name in carried.column_names}
    for model, values in zip(MODELS, (text, vision, fusion.probabilities(text, vision)), strict=True):
        made[f"{model}_emotion"] = pa.array([EMOTIONS[best] for best in values.argmax(axis=1)], pa.string())
        made |= {name: pa.array(column) for name, column in zip(probability_columns(model), values.T, strict=True)}
    made["text_known"] = pa.array(
        [None if words is None else 0.9 for words in table["utterance"].to_pylist()], pa.float32()
    )
    made["face_count"] = pa.array([len(faces) for faces in table["faces"].to_pylist()], pa.int32())
    made["speaker_person"] = pa.nulls(len(table), pa.int32())
    made["listener_emotion"] = pa.nulls(len(table), pa.string())
    made["error"] = table["video_error"]
    made["bundle"] = pa.array([bundles.read_manifest(bundle)["version"]] * len(table), pa.string())
    return columns.conform(pa.table(made), contracts.scores_schema(carried.schema))


def _answers(rng: np.random.Generator, truth: list[int], right: float) -> Probabilities:
    """Probabilities float32 [n, 7] whose likeliest emotion is the true one with probability `right`."""
    values = rng.dirichlet(np.ones(len(EMOTIONS)), len(truth))
    for row, true in enumerate(truth):
        best = true if rng.random() < right else int(rng.integers(len(EMOTIONS)))
        values[row, best] += rng.uniform(0.5, 2)
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the pages on the tables and videos in a folder, served by the job, with the shipped bundle."""
    port = free_port()
    named = {"scores": "scores", "keyframes": "keyframes", "against": "before", "faces": "faces", "videos": "videos"}
    named |= {"summaries": "summaries", "people": "people"}
    flags = [word for flag, name in named.items() if (folder / name).exists() for word in (f"--{flag}", folder / name)]
    command = [sys.executable, "-m", "jobs.dashboard", *flags, "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout and any(line.startswith(f"dashboard: {address} ") for line in server.stdout)
            yield address
        finally:
            server.terminate()


def open_page(page: Page, url: str) -> None:
    """Go to an address and wait until the page is drawn."""
    page.goto(url)
    wait_until_drawn(page)


def follow(page: Page, name: str) -> None:
    """Click on a page's name and wait until that page is drawn."""
    page.get_by_test_id("stPageLink").filter(has_text=name).get_by_role("link").click()
    wait_until_drawn(page, name)


def wait_until_drawn(page: Page, title: str = "") -> None:
    """Return once the page, or that of a title, stands still: no part of it is being drawn."""
    page.locator("h1", has_text=title).wait_for()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_selector("[data-stale=true], .stSpinner, [data-testid=stSkeleton]", state="detached")
    # The style and the script come in a file of their own, on a busy machine seconds after the last word of the page.
    page.wait_for_function("window.emotionscopeHistory")


def expect_count(page: Page, name: str, rows: int) -> None:
    """The count below a large number's name becomes this, and the page is drawn to its end."""
    found = page.get_by_test_id("stMetric").filter(has_text=name).get_by_test_id("stMetricValue")
    expect(found.first).to_have_text(f"{rows:,}")
    wait_until_drawn(page)


def click_mark(page: Page, chart: str, **values: str) -> None:
    """Click the mark that stands for these values in the chart whose description begins so."""
    wanted = "".join(f'[aria-label*="{name}: {value};"]' for name, value in values.items())
    page.locator(f'[aria-label^="{chart}"] path{wanted}').click(force=True)


def go_on(page: Page) -> None:
    """Return once a film shows a frame of the moment that it was sent to."""
    page.wait_for_function(
        "() => { const video = document.querySelector('.p-stage video');"
        " return video && video.readyState >= 2 && !video.seeking; }"
    )


def seconds(page: Page) -> float:
    """Where the film stands, once it stands there."""
    go_on(page)
    return float(page.locator(".p-stage video").evaluate("video => video.currentTime"))


def click_row(page: Page, number: int) -> None:
    """Tick a row of the page's last table, which is drawn on a canvas."""
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    wait_until_drawn(page)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 14, box["y"] + 36 + 35 * number + 17)
