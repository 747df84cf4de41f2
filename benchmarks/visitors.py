"""Many visitors of the pages at once: how long each waits, whether one sees what another asked, how memory grows.

A visitor is a connection that speaks the pages' protocol as a browser does, and draws nothing. Each has a word of its
own in the filter "Text contains", looks at page after page for some seconds, and comes back as a new one after a few.
"""

import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from benchmarks.measure import Figure, memory, show
from benchmarks.visits import PORT, serving
from emotionscope import cli
from emotionscope.storage.place import Place

PAGES = ("", "shifts", "groups", "review")  # that have the filter, by their addresses
VISIT = 3  # pages until a visitor goes, and comes back as a new one
WARM = 0.4  # share of the time after which memory must not grow: Streamlit keeps visitors for two minutes
INTERVAL = 5.0  # seconds from one look at the memory to the next
WORDS = ("you", "what", "know", "just", "okay", "yeah", "right", "come", "think", "good", "really", "look", "want",
         "need", "time", "tell", "thank", "sorry", "love", "great")  # fmt: skip


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Visitors:
    """Settings of the benchmark."""

    archive: cli.Path
    """Scores table, as `benchmarks.browse --enlarge` makes one."""
    minutes: cli.PositiveInt = 5
    """How long the visitors stay."""
    looks: cli.PositiveInt = 10
    """Seconds for which a visitor looks at a page, in the mean."""


@dataclass
class Seen:
    """What all visitors have met: seconds of each page, visits, and answers that were wrong or another's."""

    pages: list[float]
    visits: int = 0
    wrong: int = 0


def run(settings: Visitors) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    seen, sizes, lock = Seen([]), [], threading.Lock()
    with serving(Place(settings.archive)) as server:
        _visit(0, 1, 0, Random(0))  # for which the server opens the archive
        began = time.monotonic()
        end = began + 60 * settings.minutes

        def come(number: int) -> None:
            random = Random(number)
            time.sleep(random.uniform(0, settings.looks))
            while time.monotonic() < end:
                found = _visit(number, VISIT, settings.looks, random)
                with lock:
                    seen.pages += found.pages
                    seen.visits += 1
                    seen.wrong += found.wrong

        with ThreadPoolExecutor(len(WORDS)) as visitors:
            stays = [visitors.submit(come, number) for number in range(len(WORDS))]
            while time.monotonic() < end:
                time.sleep(INTERVAL)
                sizes.append(memory(server) / 2**20)
            for stay in stays:
                stay.result()
    warm = sizes[int(WARM * len(sizes)) :]
    third = max(len(warm) // 3, 1)
    first, last = statistics.median(warm[:third]), statistics.median(warm[-third:])
    figures = [
        Figure("visits", seen.visits),
        Figure("pages", len(seen.pages)),
        Figure("a page, median, s", statistics.median(seen.pages), most=3),
        Figure("a page, slowest of twenty, s", statistics.quantiles(seen.pages, n=20)[-1]),
        Figure("pages that were wrong or another visitor's", seen.wrong, most=0),
        Figure("memory once warm, MiB", first),
        Figure("memory at the end against it", last / first, most=1.05),
    ]
    show(f"{len(WORDS)} visitors of {settings.archive} for {settings.minutes} minutes", figures)
    return figures


def _visit(number: int, pages: int, looks: int, random: Random) -> Seen:
    """One visit, page after page."""
    seen = Seen([])
    with _connection() as connection:
        for _ in range(pages):
            began = time.monotonic()
            answer = _ask(connection, random.choice(PAGES), WORDS[number])
            seen.pages.append(time.monotonic() - began)
            others = [word for word in WORDS if word != WORDS[number]]
            seen.wrong += _chip(WORDS[number]) not in answer or any(_chip(word) in answer for word in others)
            time.sleep(random.uniform(0.5, 1.5) * looks)
    return seen


@contextmanager
def _connection() -> Iterator[ClientConnection]:
    """A socket as the browser opens it, which first loads the page and gets its key."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/") as page:
        cookies = [value.split(";")[0] for value in page.headers.get_all("set-cookie", [])]
    uri, origin = f"ws://127.0.0.1:{PORT}/_stcore/stream", Origin(f"http://127.0.0.1:{PORT}")
    headers = {"Cookie": "; ".join(cookies)}
    with connect(
        uri, origin=origin, additional_headers=headers, subprotocols=[Subprotocol("streamlit")], max_size=None
    ) as connection:
        yield connection


def _ask(connection: ClientConnection, page: str, words: str) -> bytes:
    """All that the server sends of a page with the filter, byte by byte."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.query_string = f"text={words}"
    connection.send(asked.SerializeToString())
    answers = []
    while True:
        content = connection.recv()
        answers.append(content if isinstance(content, bytes) else content.encode())
        if ForwardMsg.FromString(answers[-1]).WhichOneof("type") == "script_finished":
            return b"".join(answers)


def _chip(words: str) -> bytes:
    """What a page shows of the filter."""
    return f"text contains “{words}”".encode()


if __name__ == "__main__":
    cli.main(run)
