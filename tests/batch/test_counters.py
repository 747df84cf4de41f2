"""What a run counts, as Ray exports it, and the dashboard that shows it: each panel has data of a real run."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from emotionscope.tables import datasets
from tests.conftest import ROOT, free_port, run_job
from tests.helpers.clusters import head_node
from tests.helpers.dialogue_tables import dialogues
from tests.helpers.s3 import wait_for

ROWS = 12
DASHBOARD = json.loads((ROOT / "cluster" / "grafana.json").read_text())
SECONDS = 60  # until what a run counted is exported


def queries() -> list[str]:
    """The dashboard's queries, its variables filled in."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [query.replace("$__rate_interval", "20s").replace("$output", ".*") for query in found]


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A Prometheus that collects from a target every second; its address."""
    scrape = {"job_name": "ray", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    with subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL) as server:
        wait_for(f"http://{address}/-/ready")
        yield f"http://{address}"
        server.terminate()


def exported(port: int) -> dict[str, list[Any]]:
    """The samples that a node exports, by their names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found: dict[str, list[Any]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append((family.documentation, sample))
    return found


def answers(address: str, query: str) -> list[Any]:
    """What Prometheus has found for a query in the last minutes."""
    now = time.time()
    wanted = urllib.parse.urlencode({"query": query, "start": now - 300, "end": now, "step": 1})
    with urllib.request.urlopen(f"{address}/api/v1/query_range?{wanted}") as answer:
        return list(json.load(answer)["data"]["result"])


@pytest.mark.slow
def test_every_panel_shows_data_of_a_real_run(shared: Path, tmp_path: Path) -> None:
    clip, *_ = sorted((shared / "data" / "clips").glob("*.mp4"))
    shutil.copy(clip, tmp_path / "a.mp4")
    videos = pa.array(["a.mp4", "missing.mp4", None] * (ROWS // 3))
    datasets.write_part(dialogues(ROWS, video=videos), str(tmp_path / "in" / "part-0.parquet"))
    flags = {"dialogues": tmp_path / "in", "videos": tmp_path, "output": tmp_path / "out", "shard-rows": 3}
    port = free_port()
    with (
        head_node(tmp_path, 2, f"--metrics-export-port={port}", RAY_metrics_report_interval_ms="1000") as address,
        prometheus(tmp_path, f"127.0.0.1:{port}") if shutil.which("prometheus") else nullcontext() as server,
    ):
        command = [f"--{name}={value}" for name, value in flags.items()]
        done = run_job("jobs.score", *command, RAY_ADDRESS=address)
        assert done.returncode == 0, done.stderr
        end = time.monotonic() + SECONDS
        found = exported(port)
        while "ray_emotionscope_errors_total" not in found and time.monotonic() < end:
            found = exported(port)
        ours = {name: samples for name, samples in found.items() if name.startswith("ray_emotionscope_")}
        assert all(documentation for samples in ours.values() for documentation, _ in samples)
        total = {name: sum(sample.value for _, sample in samples) for name, samples in ours.items()}
        assert total["ray_emotionscope_utterances_total"] == ROWS
        assert total["ray_emotionscope_errors_total"] == ROWS // 3
        assert total["ray_emotionscope_faces_total"] > 0
        steps = {sample.labels["step"] for _, sample in ours["ray_emotionscope_seconds_total"]}
        assert steps == {"decoding", "detection", "speakers", "network", "text"}
        reasons = {sample.labels["reason"] for _, sample in ours["ray_emotionscope_errors_total"]}
        assert reasons == {"video missing"}
        for query in queries():
            assert not server or answers(server, query), query


def test_the_dashboard_asks_for_what_a_run_counts() -> None:
    source = "".join(path.read_text() for path in (ROOT / "emotionscope" / "batch").glob("*.py"))
    named = set(re.findall(r'"(emotionscope_\w+)"', source))
    asked = {
        name.removesuffix("_total") for query in queries() for name in re.findall(r"ray_(emotionscope_\w+)", query)
    }
    assert asked == named
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"] and panel["title"] for panel in DASHBOARD["panels"])
