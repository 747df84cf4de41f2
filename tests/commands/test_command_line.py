"""The command line: every job explains itself; bad use is one clear line, exit code 2, and writes nothing."""

import importlib
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope import __main__ as command
from emotionscope import __version__, commands, leftovers
from emotionscope.errors import RESUME
from tests.conftest import ROOT, free_port, run_here, run_job
from tests.helpers.dialogue_tables import dialogues, write

JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("[a-z]*.py"))


@pytest.mark.parametrize("job", JOBS)
def test_help_explains_every_flag(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(job, "--help") == 0
    told = capsys.readouterr().out
    settings = next(iter(importlib.import_module(f"emotionscope.commands.{job}").run.__annotations__.values()))
    for name in settings.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in told


def emotionscope(*arguments: str) -> int:
    """Run the command ``emotionscope`` in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["emotionscope", *arguments])
        command.main()
    return int(end.value.code or 0)


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_one_help_lists_every_job_with_a_line_each(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert emotionscope(*arguments) == 0
    shown = [line.strip("│ ").split("  ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert shown[: len(JOBS)] == list(commands.NAMES)
    assert sorted(commands.NAMES) == JOBS


def test_the_list_of_jobs_loads_none_of_their_libraries() -> None:
    script = "import sys; sys.argv[1:] = ['--help']; from emotionscope.__main__ import main\n"
    script += "try: main()\nfinally: assert not {'ray', 'torch', 'pyarrow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)


def test_a_job_is_called_by_its_name_with_either_dash(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train_text", "train-text"):
        assert emotionscope(name, "--help") == 0
        assert "Usage: emotionscope train_text" in capsys.readouterr().out
        assert emotionscope(name, "--dialogues", "/nowhere", "--bundle", "/nowhere/b") == 2
        assert "no such file or folder" in capsys.readouterr().err


def test_the_command_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert emotionscope("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(("name", "hint"), [("scor", "did you mean score?"), ("--verbose", "lists them")])
def test_an_unknown_job_is_one_line(name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert emotionscope(name) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: there is no job {name!r}")
    assert hint in told


@pytest.fixture
def good(tmp_path: Path) -> str:
    return write(tmp_path / "good", dialogues(video=pa.nulls(3, pa.string())))


@pytest.fixture
def places(tmp_path: Path, good: str) -> dict[str, str]:
    (tmp_path / "not_a_bundle").mkdir()
    (tmp_path / "not_a_bundle" / "thesis.txt").write_text("years of work")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "bundle.json").write_text('{"format": 99}')
    write(tmp_path / "empty", dialogues(0))
    write(tmp_path / "wrong", dialogues().set_column(1, "utterance_id", [["a", "b", "c"]]))
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "part.parquet").write_bytes(b"PAR1")
    elsewhere = write(tmp_path / "elsewhere", dialogues(video=["/etc/passwd", None, None]))
    return {"tmp": str(tmp_path), "good": good, "elsewhere": elsewhere}


@pytest.mark.parametrize(
    ("job", "flags", "complaint"),
    [
        ("score", "--dialogues {tmp}/none --bundle {tmp}/fake --output {tmp}/out", "no such file or folder"),
        ("score", "--dialogues {tmp}/wrong --bundle {tmp}/fake --output {tmp}/out", "'utterance_id' is string"),
        ("score", "--dialogues {tmp}/empty --bundle {tmp}/fake --output {tmp}/out", "empty"),
        ("score", "--dialogues {tmp}/bytes --bundle {tmp}/fake --output {tmp}/out", "not a readable Parquet file"),
        ("score", "--dialogues {good} --bundle {tmp}/not_a_bundle --output {tmp}/out", "not a bundle"),
        ("score", "--dialogues {good} --bundle {tmp}/fake --output {tmp}/out", "not a bundle of format"),
        ("score", "--dialogues {good} --bundle {tmp}/fake --output {tmp}/out --detector eyes", "--detector"),
        ("score", "--dialogues {good} --keyframes {good} --bundle b --output {tmp}/out", "either"),
        ("score", "--dialogues {good}", "--output"),
        ("score", "--dialogue {good} --bundle b --output {tmp}/out", "--dialogue"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/not_a_bundle", "holds other files"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-faces 0", "--max-faces"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-faces many", "--max-faces"),
        ("extract_keyframes", "--dialogues {elsewhere} --output {tmp}/out", "--videos"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --videos {tmp}/none", "--videos"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-errors few", "--max-errors"),
        ("train_text", "--dialogues {good} --bundle {tmp}/not_a_bundle", "not a bundle"),
        ("train_text", "--dialogues {good} --bundle {tmp}/out", "emotion"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --shard-rows 0", "--shard-rows"),
        ("score", "--dialogues {good} --bundle b --output {tmp}/out --gpu-share 0", "--gpu-share"),
        ("score", "--dialogues {good} --bundle b --output {tmp}/out --gpu-share nan", "--gpu-share"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --image-size 16", "--image-size"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --augmentation 1.5", "--augmentation"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --batch-size 1", "--batch-size"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --batch-size 3 --workers 2", "--batch-size"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --epochs 0", "--epochs"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --learning-rate 0", "--learning-rate"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --workers 0", "--workers"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --stem 3x3 --init imagenet", "--stem"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out --train-size 65", "more than --image-size 64"),
        ("dashboard", "--scores {good} --port 70000", "--port"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out", "column"),
        ("fit_fusion", "--keyframes {good} --bundle {tmp}/out", "faces"),
        ("evaluate", "--scores {good} --report {tmp}/out", "score it first"),
        ("prepare_meld", "--meld {tmp}/none --output {tmp}/out", "no such folder"),
        ("summarise", "--scores {good} --output {tmp}/out", "score it first"),
        ("summarise", "--scores {good} --output {tmp}/out --every 0", "--every"),
        ("prepare_videos", "--videos {good} --output {tmp}/out", "no video in it"),
        ("prepare_videos", "--videos {good} --output {tmp}/out --transcripts {tmp}/none", "no such folder"),
        ("prepare_videos", "--videos {good} --output {tmp}/out --window 0", "--window"),
        ("demo", "--output {tmp}/not_a_bundle --replace", "something else"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    job: str, flags: str, complaint: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(job, *flags.format(**places).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert complaint in told
    assert not Path(places["tmp"], "out").exists()
    assert Path(places["tmp"], "not_a_bundle", "thesis.txt").read_text() == "years of work"


def test_a_port_that_is_taken_is_told_before_the_pages_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert run_here("dashboard", "--port", other.getsockname()[1]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: cannot listen at 127.0.0.1, port ") and told.count("\n") == 1


def test_a_mistake_in_a_real_process_shows_no_traceback(tmp_path: Path) -> None:
    pq.write_table(dialogues(), tmp_path / "a.parquet")
    done = run_job("jobs.score", "--dialogues", str(tmp_path), "--bundle", "none", "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_score_says_what_it_reads_before_it_looks_for_the_cluster_which_is_gone_or_mute(
    good: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and says nothing
        for port in (free_port(), mute.getsockname()[1]):
            address = f"127.0.0.1:{port}"
            done = run_job("jobs.score", "--dialogues", good, "--output", f"{tmp_path}/out", RAY_ADDRESS=address)
            assert done.returncode == 2
            assert done.stdout == f"score: 3 utterances of {good}\n"
            assert done.stderr.splitlines()[-1] == f"error: RAY_ADDRESS={address}: no Ray cluster answers there"


def test_a_submitted_job_refuses_a_relative_output(
    good: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert run_here("score", "--dialogues", good, "--output", "scores") == 2
    assert "relative output" in capsys.readouterr().err


ENDS = """
import sys
from dataclasses import dataclass
from emotionscope import cli

@cli.flags
@dataclass(frozen=True)
class Settings:
    output: str

def run(settings: Settings) -> None:
{}

cli.main(run, ["--output", "x"])
"""


# A program that hears SIGHUP, also where the tests run under nohup.
HEARS = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])",
)


def ended(body: str) -> tuple[int, list[str]]:
    """The exit code and the lines of a job with this body."""
    script = ENDS.format("\n".join(f"    {line}" for line in body.splitlines()))
    done = subprocess.run([*HEARS, script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr.split("\n\n")[-1].splitlines()


@pytest.mark.parametrize("ray", [False, True])
@pytest.mark.parametrize(("name", "expected"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_a_job_with_its_code_and_one_line_with_ray_in_the_process_too(
    name: str, expected: int, ray: bool
) -> None:
    # Ray sets its own handler, which would unwind the process through Ray's threads.
    body = "import os, signal, time, types\n"
    body += "sys.modules['ray'] = types.ModuleType('ray')\n" * ray
    body += f"signal.signal(signal.{name}, lambda *_: time.sleep(60))\n" * ray
    body += f"os.kill(os.getpid(), signal.{name})\ntime.sleep(60)"
    code, lines = ended(body)
    assert code == expected
    assert [line.strip() for line in lines if line.strip()] == [f"stopped; {RESUME}"]


@pytest.mark.parametrize(("sign", "expected"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_while_the_command_is_still_loading_is_one_line_too(sign: signal.Signals, expected: int) -> None:
    script = "import sys\nfrom importlib.abc import MetaPathFinder\nclass Stop(MetaPathFinder):\n"
    script += "    def find_spec(self, name, path, target=None):\n        if name == 'cyclopts':\n"
    script += f"            import os\n            os.kill(os.getpid(), {int(sign)})\n"
    script += "sys.meta_path.insert(0, Stop())\nimport runpy\nrunpy.run_module('jobs.score', run_name='__main__')"
    done = subprocess.run([*HEARS, script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (expected, f"stopped; {RESUME}")


LEAVES = """
import os, subprocess, sys
from emotionscope import leftovers
mark = sys.argv[1]
command = [sys.executable, "-I", "-S", leftovers.__file__, mark]
watch = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
sleep = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(300)"]
left = subprocess.Popen(sleep, env=os.environ | {leftovers.MARK: mark}, start_new_session=True, stdout=subprocess.PIPE)
left.stdout.read(1)
print(left.pid, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_job_has_started_does_not_outlive_it() -> None:
    mark = uuid.uuid4().hex
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LEAVES, mark], cwd=ROOT, **pipes) as job:
        assert job.stdout
        left = psutil.Process(int(job.stdout.readline()))
        job.kill()
    left.wait(timeout=30)
    assert not leftovers.marked(mark)


def test_a_process_that_a_job_forked_and_terminates_does_not_end_the_job() -> None:
    body = "import os, signal, time, types\nsys.modules['ray'] = types.ModuleType('ray')\nchild = os.fork()\n"
    body += "if not child:\n    time.sleep(60)\nos.kill(child, signal.SIGTERM)\nos.kill(child, signal.SIGKILL)\n"
    body += "os.waitpid(child, 0)\nraise cli.UserError('the job went on')"
    assert ended(body) == (2, ["error: the job went on"])


def test_a_full_disk_ends_a_job_with_1_and_one_line(tmp_path: Path) -> None:
    body = "import resource\nfrom emotionscope.storage.place import Place\n"
    body += "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"  # no file may be larger
    body += f"Place({str(tmp_path / 'part.parquet')!r}).write_bytes(bytes(10_000))"
    code, lines = ended(body)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("error: ") and lines[0].endswith(RESUME)
    assert list(tmp_path.iterdir()) == []
