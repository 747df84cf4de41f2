"""Open pages in the browser to explore scores.

The pages show the whole archive, one dialogue, a sentence or clip of your own, and the models. The job runs until you
stop it. It listens on this machine only, unless you set --address, and sends nothing out.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

from emotionscope import cli, dashboard
from emotionscope.bundle import store as bundles
from emotionscope.commands.settings import Dashboard
from emotionscope.dashboard.fetching import fetch
from emotionscope.errors import JobError, UserError
from emotionscope.identities import people
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.video import files

LOOK = 0.1  # seconds between two looks whether the server listens


def run(settings: Dashboard) -> None:
    """Check the settings and serve the pages until stopped."""
    if importlib.util.find_spec("streamlit") is None or importlib.util.find_spec("duckdb") is None:
        raise UserError("the pages need more packages: pip install 'emotionscope[dashboard]'")
    _check_port(settings)
    named = {"scores": settings.scores, "keyframes": settings.keyframes, "faces": settings.faces}
    sources: dict[str, str] = {kind: Place(uri) for kind, uri in named.items() if uri}
    sources["bundle"] = bundles.chosen(settings.bundle)
    version = bundles.read_manifest(sources["bundle"])["version"]
    print(f"dashboard: {bundles.describe(sources['bundle'], version)}", flush=True)
    if settings.against:
        if not settings.scores:
            raise UserError("--against compares --scores with another table: name --scores, too")
        sources["against"] = datasets.open_dataset(settings.against, "scores").uri
    for kind in ("keyframes", "faces"):
        if kind in sources:
            datasets.open_dataset(sources[kind], kind)
    if settings.people:
        if not settings.faces:
            raise UserError("--people needs --faces")
        people.who_is_who(Place(settings.people))
        sources["people"] = Place(settings.people)
    if settings.summaries:
        from emotionscope.dashboard.queries import summaries  # brings pandas, for which no mistake need wait

        sources["summaries"] = Place(settings.summaries)
        summaries.names(sources["summaries"])
    if settings.videos:
        sources["videos"] = _videos_folder(settings)
    sources["exports"] = os.path.abspath(settings.exports)
    with tempfile.TemporaryDirectory(prefix="emotionscope-") as folder:
        if "scores" in sources:
            sources["query_uri"] = _bring(sources["scores"], folder)
        _serve(sources, settings)


def _check_port(settings: Dashboard) -> None:
    """Raise UserError where nobody can listen at the address and port."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    try:
        socket.create_server((settings.address, settings.port), family=family).close()
    except OSError as error:
        where = f"{settings.address}, port {settings.port}"
        raise UserError(f"cannot listen at {where} ({error.strerror or error}); choose another --port") from error


def _videos_folder(settings: Dashboard) -> str:
    """The checked folder of the videos."""
    if not settings.scores:
        raise UserError("--videos plays the utterances of --scores: name these, too")
    scores = datasets.open_dataset(settings.scores, "scores")
    if "video" not in scores.schema.names:
        raise UserError(f"--videos: {settings.scores} has no column video, so it names none")
    return files.videos_folder(scores, settings.videos)


def _bring(scores: str, folder: str) -> str:
    """Where the checked scores table is queried, with a copy in the folder where that is quicker."""
    if Place(scores).is_s3:
        print(f"dashboard: fetching {scores}", flush=True)
    place = fetch(scores, folder)
    try:
        datasets.open_dataset(place, "scores")
    except UserError as error:
        raise UserError(str(error).replace(place, scores)) from error
    return place


def _serve(sources: dict[str, str], settings: Dashboard) -> None:
    """The pages, until they are stopped."""
    options = {
        "server.address": settings.address,
        "server.port": settings.port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": dashboard.MEGABYTES,
        "browser.gatherUsageStats": False,
        "logger.level": "warning",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",  # a message may hold a user's text, which the page would read as Markdown
        "client.showErrorLinks": False,  # to search engines
        "theme.light.primaryColor": "#285ca8",
        "theme.dark.primaryColor": "#3475d3",
    }
    command = [sys.executable, "-m", "emotionscope.dashboard.server", json.dumps(sources), json.dumps(options)]
    # In a session of its own, Ctrl-C reaches this process alone; the server has nothing to put away.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            with cli.working("opening the pages"):
                _wait_until_open(server, settings)
            if server.poll() is None:
                host = f"[{settings.address}]" if ":" in settings.address else settings.address
                print(f"dashboard: http://{host}:{settings.port} (stop with Ctrl-C)", flush=True)
            code = server.wait()
        finally:
            server.kill()
    if code:
        raise JobError(f"the server of the pages ended with code {code}")


def _wait_until_open(server: "subprocess.Popen[bytes]", settings: Dashboard) -> None:
    """Return once the pages can be opened, or the server has ended."""
    while server.poll() is None:
        try:
            socket.create_connection((settings.address, settings.port), timeout=1).close()
            return
        except OSError:
            time.sleep(LOOK)
