"""One command, three ways to run: Ray started by the job, a cluster joined, a job submitted to it."""

import socket
from pathlib import Path

from tests.clusters import head_node, submit
from tests.conftest import free_port, run_job, score_flags, scores_of


def test_alone_a_job_starts_ray_and_says_only_what_matters(obvious: Path, scored: str, tmp_path: Path) -> None:
    done = run_job("jobs.score", *score_flags(obvious, tmp_path / "scores"), RAY_ADDRESS="local")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all(line.startswith(("score: ", "  ")) for line in done.stdout.splitlines())
    assert scores_of(str(tmp_path / "scores")).equals(scores_of(scored))


def test_attached_and_submitted_to_a_cluster(obvious: Path, scored: str, tmp_path: Path) -> None:
    with head_node(tmp_path, 4) as address:
        done = run_job("jobs.score", *score_flags(obvious, tmp_path / "scores"), RAY_ADDRESS=address["ray"])
        assert done.returncode == 0, done.stderr
        assert "4 CPUs" in done.stdout
        assert scores_of(str(tmp_path / "scores")).equals(scores_of(scored))
        _submit(address["jobs"], obvious, scored, tmp_path / "submitted")


def _submit(address: str, obvious: Path, scored: str, output: Path) -> None:
    job = ["python", "-m", "jobs.score"]
    done = submit(address, [*job, *score_flags(obvious, output)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert scores_of(str(output)).equals(scores_of(scored))
    refused = submit(address, [*job, *score_flags(obvious, Path("scores"))])
    assert refused.returncode != 0
    assert "relative output" in refused.stdout


def test_a_cluster_that_does_not_answer_is_one_line(obvious: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and says nothing
        for port in (free_port(), mute.getsockname()[1]):
            address = f"127.0.0.1:{port}"
            done = run_job("jobs.score", *score_flags(obvious, tmp_path / "scores"), RAY_ADDRESS=address)
            assert done.returncode == 2
            assert done.stderr.strip().splitlines()[-1] == f"error: RAY_ADDRESS={address}: no Ray cluster answers there"
