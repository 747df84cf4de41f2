"""The files in cluster/: each is valid for the tool that reads it, and its command line is one that the jobs take."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.dashboard.modules.reporter import reporter_agent

from emotionscope.bundle.store import SHIPPED
from emotionscope.commands import settings
from tests.conftest import ROOT, copy_in, free_port, run_here, run_job, scores_of
from tests.helpers.clusters import head_node, job_server, submit

CLUSTER = ROOT / "cluster"
MANIFESTS = sorted(CLUSTER.glob("kuberay-*.yaml"))
# Fields of RayJob ray.io/v1 in KubeRay 1.5.1, the first one with authOptions, as far as they are of use here.
JOB = {
    "entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec",
    "activeDeadlineSeconds", "submissionMode", "runtimeEnvYAML", "suspend",
    "submitterPodTemplate",
}  # fmt: skip
NODES = {
    "rayVersion",
    "authOptions",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "headGroupSpec",
    "workerGroupSpecs",
}
HEAD = {"serviceType", "rayStartParams", "template"}
WORKERS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template", "idleTimeoutSeconds"}


CRON = {
    "schedule",
    "suspend",
    "jobTemplate",
}  # of RayCronJob in KubeRay 1.6; the template is a RayJob's spec
# Fields of Anyscale's ScheduleConfig and JobConfig, as far as they are of use here.
SCHEDULE = {"cron_expression", "timezone", "job_config"}
ANYSCALE = {"name", "image_uri", "compute_config", "working_dir", "excludes", "entrypoint", "max_retries", "timeout_s"}
ALERTS = CLUSTER / "alerts.yaml"


def manifest(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def job_of(path: Path) -> dict[str, Any]:
    """The RayJob's spec in a manifest."""
    document = manifest(path)
    return dict(document["spec"]["jobTemplate"] if document["kind"] == "RayCronJob" else document["spec"])


def test_the_launcher_accepts_the_aws_cluster() -> None:
    config = yaml.safe_load((CLUSTER / "aws.yaml").read_text())
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    validate_config(prepare_config(config))
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_uses_fields_that_kuberay_knows(path: Path) -> None:
    document, job = manifest(path), job_of(path)
    assert document["apiVersion"] == "ray.io/v1"
    if document["kind"] == "RayCronJob":
        assert set(document["spec"]) <= CRON
        assert len(document["spec"]["schedule"].split()) == 5
    else:
        assert document["kind"] == "RayJob"
    assert set(job) <= JOB
    nodes = job["rayClusterSpec"]
    assert set(nodes) <= NODES
    assert nodes["rayVersion"] == ray.__version__
    assert nodes["authOptions"] == {"mode": "token"}
    assert set(nodes["headGroupSpec"]) <= HEAD
    assert nodes["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert job["activeDeadlineSeconds"] >= 3600
    templates = [job["submitterPodTemplate"]]
    for group in (nodes["headGroupSpec"], *nodes["workerGroupSpecs"]):
        templates.append(group["template"])
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for template in templates:  # what Kubernetes calls a restricted pod
        pod, (container,) = template["spec"]["securityContext"], template["spec"]["containers"]
        assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"] == container["resources"]["requests"]
    for group in nodes["workerGroupSpecs"]:
        assert set(group) <= WORKERS
        assert group["minReplicas"] == 0 < group["maxReplicas"]


def test_the_anyscale_schedule_uses_fields_that_it_knows() -> None:
    schedule = manifest(CLUSTER / "anyscale-nightly.yaml")
    assert set(schedule) <= SCHEDULE
    assert len(schedule["cron_expression"].split()) == 5
    assert set(schedule["job_config"]) <= ANYSCALE


def commands() -> list[Any]:
    """The command lines in the files, each without the program before the name of its job."""
    found = [pytest.param(shlex.split(job_of(path)["entrypoint"])[2:], id=path.stem) for path in MANIFESTS]
    anyscale = manifest(CLUSTER / "anyscale-nightly.yaml")["job_config"]["entrypoint"]
    found.append(pytest.param(shlex.split(anyscale)[2:], id="anyscale"))
    line = (CLUSTER / "crontab").read_text().splitlines()[-1]
    for part in re.findall(r"bin/emotionscope ([^&|>']+)", line):
        found.append(pytest.param(shlex.split(part), id=f"cron-{part.split()[0]}"))
    return found


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_files_is_one_that_its_job_takes(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job, *flags = command
    assert all(flag.startswith("s3://") for flag in flags if "://" in flag)
    # The flags are read and found good; then the bucket cannot be reached.
    assert run_here(job.removeprefix("jobs."), *(flag.replace("BUCKET", "no_such_bucket") for flag in flags)) == 2
    told = capsys.readouterr().err
    assert "s3://no_such_bucket" in told


@pytest.mark.slow
def test_the_score_manifest_really_runs_when_submitted(talks: Path, bucket: str, tmp_path: Path) -> None:
    copy_in(talks / "dialogues", f"{bucket}/dialogues")
    copy_in(Path(SHIPPED), f"{bucket}/bundle")
    entrypoint = manifest(CLUSTER / "kuberay-score.yaml")["spec"]["entrypoint"]
    entrypoint = entrypoint.replace("s3://BUCKET", bucket)
    with job_server(tmp_path, 2) as address:
        done = submit(address, shlex.split(entrypoint))
    assert done.returncode == 0, done.stdout + done.stderr
    assert scores_of(f"{bucket}/scores").equals(scores_of(f"{talks}/scores"))


@pytest.mark.slow
def test_a_cluster_without_workers_grows_for_a_job(talks: Path, tmp_path: Path) -> None:
    """Ray's autoscaler with its provider for tests, whose machines are processes."""
    worker = {"resources": {"CPU": 1, "object_store_memory": 200_000_000}, "node_config": {}}
    port = free_port()
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    config = {
        "cluster_name": "grows",
        "max_workers": 2,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "docker": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        **{f"{name}_commands": [] for name in commands},
        "provider": {"type": "fake_multinode", "head_node_id": "f" * 56, "gcs_address": f"127.0.0.1:{port}"},
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "decode": {**worker, "min_workers": 0, "max_workers": 2},
        },
        "head_node_type": "head",
        "auth": {},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    more = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    with head_node(tmp_path, 0, f"--autoscaling-config={tmp_path}/config.yaml", port=port, **more) as address:
        flags = ["--dialogues", f"{talks}/dialogues", "--output", f"{tmp_path}/scores", "--shard-rows", "400"]
        done = run_job("jobs.score", *flags, RAY_ADDRESS=address)
    assert done.returncode == 0, done.stderr
    assert "0 CPUs" in done.stdout
    assert scores_of(str(tmp_path / "scores")).equals(scores_of(f"{talks}/scores"))


def test_the_image_is_built_from_files_that_exist() -> None:
    lines = (CLUSTER / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[2:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert any(ray.__version__ in line for line in lines if line.startswith("ARG BASE"))
    assert any("'.[dashboard]'" in line for line in lines)  # the pages


def test_the_nights_lock_covers_the_check_for_drift() -> None:
    line = (CLUSTER / "crontab").read_text().splitlines()[-1]
    _, command = line.split("flock nightly.lock sh -c ", 1)
    inside, after = shlex.split(command)[0], command.rsplit("'", 1)[1]
    assert re.findall(r"timeout .*?bin/emotionscope (\w+)", inside) == ["score", "drift"]
    assert "emotionscope" not in after
    checked = subprocess.run(["sh", "-n", "-c", line.split(" ", 5)[5]], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def alerts() -> list[dict[str, Any]]:
    document = manifest(ALERTS)
    assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def test_every_alert_asks_for_what_is_exported_and_says_what_to_do() -> None:
    source = "".join(path.read_text() for path in (ROOT / "emotionscope" / "batch").glob("*.py"))
    ours = {f"ray_{name}" for name in re.findall(r'"(emotionscope_\w+)"', source)}
    rays = {f"ray_{name}" for name in reporter_agent.METRICS_GAUGES}
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) > 3
    for rule in alerts():
        for name in re.findall(r"ray_\w+", rule["expr"]):
            assert name in rays or name.removesuffix("_total") in ours, rule["alert"]
        assert re.search(r"(>|<|==) [\d.]+$", rule["expr"]), rule["alert"]
        assert rule["for"] and rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]


def test_prometheus_accepts_the_alerts(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("needs promtool, which comes with Prometheus")
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(manifest(ALERTS)["spec"]))
    done = subprocess.run(["promtool", "check", "rules", str(rules)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pod_monitor_collects_from_every_pod_that_kuberay_makes() -> None:
    document = manifest(CLUSTER / "podmonitor.yaml")
    assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    (chosen,) = document["spec"]["selector"]["matchExpressions"]
    assert chosen == {"key": "ray.io/node-type", "operator": "In", "values": ["head", "worker"]}
    (endpoint,) = document["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"  # KubeRay's name of it


def test_the_proxy_asks_for_a_password_and_leads_to_the_pages() -> None:
    text = (CLUSTER / "Caddyfile").read_text()
    pages = settings.Dashboard()
    assert f"reverse_proxy {pages.address}:{pages.port}" in text
    assert re.search(r"^\tbasic_auth \{\n\t\treader HASH\n\t\}$", text, re.MULTILINE)
