"""What breaks in the middle of a job, and what is lost: nothing."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from itertools import takewhile
from pathlib import Path

import boto3
import psutil
import pyarrow as pa
import pytest

from emotionscope.bundle import store as bundle_store
from emotionscope.commands import extract_keyframes, score
from emotionscope.errors import JobError, UserError
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.conftest import ROOT, copy_in, run_here, run_job, score_flags, scores_of, shell
from tests.helpers.clusters import head_node, second_node, when_parts
from tests.helpers.drawn_faces import training_flags
from tests.helpers.s3 import S3Server
from tests.helpers.stopped import as_before_the_summary

SHARD, S3_SHARD = 20, 40  # rows, so that a job is still at work when it is disturbed; in S3 a shard takes longer


def command(folder: str, output: str) -> list[str]:
    start = [sys.executable, "-m", "jobs.score", "--dialogues", f"{folder}/dialogues", "--output", output]
    return [*start, f"--shard-rows={S3_SHARD if Place(output).is_s3 else SHARD}"]


def kill_raylet(job: "subprocess.Popen[str]") -> None:
    (raylet,) = (each for each in psutil.Process(job.pid).children(recursive=True) if each.name() == "raylet")
    raylet.kill()


def start(folder: str, output: str, address: str = "local") -> "subprocess.Popen[str]":
    """Score the dialogues of a folder, on a Ray of its own or that of `address`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(folder, output), cwd=ROOT, env=shell(RAY_ADDRESS=address), **pipes)


@pytest.mark.slow
def test_terminated_without_its_raylet_or_killed_a_job_is_resumed_by_two_at_once_and_every_row_comes_out_once(
    talks: Path, tmp_path: Path
) -> None:
    folder, output = str(talks), str(tmp_path / "scores")
    ends = (1, subprocess.Popen.terminate, 143), (4, kill_raylet, 1), (8, subprocess.Popen.kill, -signal.SIGKILL)
    for shards, disturb, code in ends:
        with start(folder, output) as job:
            when_parts(job, output, shards, partial(disturb, job))
            told = job.communicate(timeout=60)[1]
        assert job.returncode == code, told
        if code > 0:
            assert told.strip().count("\n") == 0 and "rerun the same command" in told
        with pytest.raises(UserError, match="has not finished"):
            datasets.open_dataset(output, "scores")
    jobs = [start(folder, output) for _ in range(2)]
    ends = [(*job.communicate(timeout=300), job.returncode) for job in jobs]
    # The slower one may find the output finished before it has begun.
    assert all((code == 0 and told == "") or (code == 2 and "is finished" in told) for _, told, code in ends)
    (first, *_) = (out for out, _, code in ends if code == 0)
    assert all(line.startswith(("score: ", "  ")) for line in first.splitlines())
    assert "were there already" in first
    assert scores_of(output).equals(scores_of(f"{talks}/scores"))


@pytest.mark.slow
def test_a_node_that_dies_takes_no_row_with_it(talks: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "scores")
    with (
        head_node(tmp_path, 1) as address,
        second_node(tmp_path, address) as node,
        start(str(talks), output, address) as job,
    ):
        when_parts(job, output, 2, lambda: os.killpg(node.pid, signal.SIGKILL))
        told, complaint = job.communicate(timeout=300)
    assert job.returncode == 0, complaint
    assert "2 nodes" in told
    assert scores_of(output).equals(scores_of(f"{talks}/scores"))


@pytest.mark.slow
def test_a_training_goes_on_with_the_nodes_that_are_left(faces: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jobs.train_vision", "--keyframes", faces, "--bundle", str(tmp_path / "bundle")]
    command += ["--min-workers=1", *training_flags()]
    with head_node(tmp_path, 2) as address, second_node(tmp_path, address) as node:
        job = subprocess.Popen(command, cwd=ROOT, env=shell(RAY_ADDRESS=address), stdout=subprocess.PIPE, text=True)
        with job:
            assert job.stdout
            lines = [line.split()[:2] for line in takewhile(lambda line: not line.startswith("epoch   2"), job.stdout)]
            os.killpg(node.pid, signal.SIGKILL)
            told = job.communicate(timeout=400)[0]
    assert ["epoch", "1"] in lines
    assert job.returncode == 0, told
    entry = bundle_store.read_manifest(str(tmp_path / "bundle"))["parts"]["vision"]
    assert [epoch["epoch"] for epoch in entry["epochs"]] == [1, 2, 3]
    assert entry["dev"]["weighted_f1"] > 0.9


@pytest.mark.slow
def test_in_s3_a_job_outlives_10_seconds_without_the_server_and_is_resumed_when_killed(
    talks: Path, bucket: str, s3_server: S3Server
) -> None:
    copy_in(talks / "dialogues", f"{bucket}/dialogues")
    output = f"{bucket}/scores"
    with start(bucket, output) as job:
        when_parts(job, output, 2, s3_server.stop)
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(timeout=10)
        s3_server.start()
        when_parts(job, output, 6, job.kill)
    done = run_job(*command(bucket, output)[2:], RAY_ADDRESS="local")
    assert done.returncode == 0, done.stderr
    assert "were there already" in done.stdout
    assert scores_of(output).equals(scores_of(f"{talks}/scores"))


def test_a_bucket_that_may_be_read_but_not_written_is_told_before_any_work(
    obvious: Path, bucket: str, s3_server: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    if not s3_server.real:
        pytest.skip("moto lets everybody write")
    everything = f"arn:aws:s3:::{bucket.removeprefix('s3://')}/*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": everything}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    boto3.client("s3").put_bucket_policy(Bucket=bucket.removeprefix("s3://"), Policy=policy)
    assert run_here("score", *score_flags(obvious, f"{bucket}/scores")) == 2
    told = capsys.readouterr().err
    assert "cannot be written" in told
    assert told.count("\n") == 1
    assert "emotionscope-secret" not in told


def test_a_changed_setting_for_a_half_finished_output_is_refused(obvious: Path, tmp_path: Path, scored: str) -> None:
    output = tmp_path / "scores"
    copy_in(Path(scored), str(output))
    as_before_the_summary(str(output))
    settings = {"keyframes": str(obvious / "keyframes"), "bundle": str(obvious / "bundle"), "output": str(output)}
    with pytest.raises(UserError, match=r"other settings \(max_faces, shard_rows differ\)"):
        score.run(score.Score(**settings, max_faces=3, shard_rows=16))


def test_a_job_that_fails_wholesale_stops_and_what_it_wrote_is_valid(ray_cluster: object, tmp_path: Path) -> None:
    keys = {"dialogue_id": ["d"] * 12, "utterance_id": list(range(12))}
    gone = pa.array([None, None, *(f"{n}.mp4" for n in range(10))], pa.string())
    datasets.write_part(
        pa.table({**keys, "utterance": ["Hm."] * 12, "video": gone}), str(tmp_path / "in/part-0.parquet")
    )
    output = str(tmp_path / "out")
    settings = {"dialogues": str(tmp_path / "in"), "output": output, "shard_rows": 2}
    with pytest.raises(JobError, match=r"video missing.*--max-errors allows 3"):
        extract_keyframes.run(extract_keyframes.ExtractKeyframes(**settings, max_errors="3"))
    assert 2 <= len(Place(output).list(".parquet")) <= 6
    (log,) = Path(output).glob("_log/*.jsonl")
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["event"] == "stop" and "--max-errors allows 3" in last["reason"]
    with pytest.raises(JobError, match="allows 6"):
        extract_keyframes.run(extract_keyframes.ExtractKeyframes(**settings, max_errors="50%"))
    summary = extract_keyframes.run(extract_keyframes.ExtractKeyframes(**settings, max_errors="10"))
    assert summary.errors == {"video missing": 10}
    table = datasets.read(datasets.open_dataset(output, "keyframes"))
    assert table["utterance_id"].to_pylist() == list(range(12))


def test_a_bad_share_of_errors_is_refused(obvious: Path, tmp_path: Path) -> None:
    settings = {"keyframes": str(obvious / "keyframes"), "bundle": str(obvious / "bundle"), "output": str(tmp_path)}
    with pytest.raises(UserError, match="neither a number"):
        score.run(score.Score(**settings, max_errors="lots"))
