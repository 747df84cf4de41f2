"""`kill -9` of any process of a scoring job at any moment, on disk and on an S3 server that has faults of its own.

EMOTIONSCOPE_KILLS is the number of rounds on each, 1 unless told. A test's name ends in the seed of its round;
EMOTIONSCOPE_KILLS_SEED repeats the rounds from that seed on.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pyarrow as pa
import pytest

from emotionscope.bundle.store import SHIPPED
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.conftest import ROOT, copy_in, made_once, run_here, scores_of, shell
from tests.helpers.faulty_s3 import faulty
from tests.helpers.killing import seeds
from tests.helpers.s3 import S3Server
from tests.helpers.videos import BLACK, BLOND, BROWN, GREEN, RED, dialogues, picture, write_video

VICTIMS = ("driver", "worker", "decoder", "raylet", "head")
SEEDS = seeds(1)
CLIPS, SPANS = 4, 3
SHARDS = 6  # of three rows, in two files
STARTING = 10.0  # seconds, about, until a job's first shards are under way
STEP = 0.05  # seconds between two looks at a job
RUNS = 8  # of a command, at most; the S3 server's faults may end one too


@dataclass(frozen=True)
class Archive:
    """A folder with dialogues, videos and models, and their scores and faces by a run that nothing disturbed."""

    folder: Path
    scores: pa.Table
    faces: pa.Table


@dataclass(frozen=True)
class Moment:
    """So many seconds after a job has written its first `parts` parts, or after its start."""

    parts: int
    seconds: float


@dataclass(frozen=True)
class Run:
    """A scoring job of an archive at `place` into `output`, and the variables that it needs."""

    place: str
    output: str
    variables: dict[str, str]

    def flags(self) -> list[str]:
        flags = ["--dialogues", f"{self.place}/dialogues", "--videos", f"{self.place}/videos"]
        flags += ["--output", f"{self.output}/scores", "--faces", f"{self.output}/faces", "--shard-rows", "3"]
        return [*flags, "--bundle", f"{self.place}/bundle"]

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "jobs.score", *self.flags()]
        environment = shell(RAY_ADDRESS="local", **self.variables)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)

    def parts(self) -> int:
        """The parts of the scores that are written."""
        return len(Place(f"{self.output}/scores").list(".parquet"))

    def tables(self) -> tuple[pa.Table, pa.Table]:
        return scores_of(f"{self.output}/scores"), datasets.read(datasets.open_dataset(f"{self.output}/faces", "faces"))


@pytest.fixture(scope="module")
def archive(ray_cluster: object, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Utterances of a few drawn clips in two files, some without a video, and one of a video that is missing."""
    folder = made_once(tmp_path_factory, "kills", make_archive)
    run = Run(str(folder), str(folder / "undisturbed"), {})
    return Archive(folder, *run.tables())


def make_archive(folder: Path) -> None:
    (folder / "videos").mkdir(parents=True)
    for n in range(CLIPS):
        hair, clothes = (BLACK, BROWN, BLOND)[n % 3], (GREEN, RED)[n % 2]
        frames = [picture((200 + 40 * n + 4 * t, 130, 110, hair, clothes, n / 3 - 1)) for t in range(24)]
        write_video(folder / f"videos/{n}.mp4", frames * 2, gop=24, noise=2.0)
    videos = [f"{n}.mp4" if n < CLIPS else None for n in range(CLIPS + 1) for _ in range(SPANS)] + ["gone.mp4"]
    times = [n % SPANS / 2 for n in range(len(videos))]
    texts = [f"I am so {('happy', 'sad', 'angry')[n % 3]}, number {n}" for n in range(len(videos))]
    rows = dialogues(videos, utterance=texts, start=times, end=[time + 0.5 for time in times])
    datasets.write_part(rows.slice(0, 8), str(folder / "dialogues/a.parquet"))
    datasets.write_part(rows.slice(8), str(folder / "dialogues/b.parquet"))
    copy_in(Path(SHIPPED), str(folder / "bundle"))
    run = Run(str(folder), str(folder / "undisturbed"), {})
    assert run_here("score", *run.flags()) == 0
    scores, faces = run.tables()
    assert run.parts() == SHARDS
    assert scores["utterance_id"].to_pylist() == rows["utterance_id"].to_pylist()
    assert (
        len(faces) > CLIPS and faces["speaking"].null_count < len(faces) and scores["error"].null_count == len(rows) - 1
    )


def living(job: "subprocess.Popen[str]", part: str) -> list[psutil.Process]:
    """The processes of a running job that are its driver, workers, decoders, raylet or head."""
    driver = psutil.Process(job.pid)
    return [each for each in (driver, *driver.children(recursive=True)) if _part(each, driver) == part]


def _part(process: psutil.Process, driver: psutil.Process) -> str | None:
    with suppress(psutil.Error):
        command = " ".join(process.cmdline())
        if process == driver:
            return "driver"
        if process.name() in ("raylet", "gcs_server"):
            return "raylet" if process.name() == "raylet" else "head"
        if command.startswith("ray::") or "default_worker.py" in command:  # which it is called while it starts
            return None if "Agent" in command else "worker"
        return "decoder" if "isolation.serve" in command else None
    return None


def runs_on(job: "subprocess.Popen[str]", seconds: float) -> bool:
    """Whether a job still runs after so many seconds."""
    try:
        job.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def kill(run: Run, job: "subprocess.Popen[str]", victim: str, moment: Moment, random: Random) -> bool:
    """`kill -9` one of a job's victims as soon as the moment has come and there is one; whether the job still ran."""
    while run.parts() < moment.parts and runs_on(job, STEP):
        continue
    going = runs_on(job, moment.seconds)
    while going:
        with suppress(psutil.Error):  # it has just ended by itself
            found = living(job, victim)
            if found:
                random.choice(found).kill()
                return True
        going = runs_on(job, STEP)
    return False


def run_to_end(run: Run, victim: str, moment: Moment, random: Random) -> list[tuple[int, str]]:
    """The exit code and the errors told of a run in which a victim is killed, and of each rerun until one ends well.

    Empty where the job had ended well before the moment came.
    """
    ends: list[tuple[int, str]] = []
    hit = False
    while len(ends) < RUNS and not (hit and ended_well(*ends[-1])):
        with run.start() as job:
            hit = hit or kill(run, job, victim, moment, random)
            try:
                told = job.communicate(timeout=300)[1]
            except subprocess.TimeoutExpired:
                job.kill()
                raise
        ends.append((job.returncode, told))
        if not hit and job.returncode == 0:
            return []
        check_end(job.returncode, told, killed=victim == "driver")
    return ends


def check_end(code: int, told: str, killed: bool) -> None:
    """A job ends well, by the kill, or with one line that says how to go on."""
    assert "Traceback" not in told, told
    if not ended_well(code, told) and not (killed and code == -signal.SIGKILL):
        assert code == 1 and told.strip().count("\n") == 0 and "rerun the same command" in told, (code, told)


def ended_well(code: int, told: str) -> bool:
    """Whether the tables are whole: a job may be killed after it has finished them, and says so when it is rerun."""
    return code == 0 or (code == 2 and "the output exists and is finished" in told)


def difference(found: pa.Table, wanted: pa.Table) -> str | None:
    """None where two tables are equal to the bit, else the first place where they are not."""
    if found.schema != wanted.schema or len(found) != len(wanted):
        return f"{len(found)} rows of {found.schema}, and not {len(wanted)} of {wanted.schema}"
    for name in wanted.column_names:
        for row, (one, other) in enumerate(zip(found[name].to_pylist(), wanted[name].to_pylist(), strict=True)):
            if one != other:
                return f"row {row}: {name} is {one!r}, and not {other!r}"
    return None if found.equals(wanted) else "equal only as Python has it"


def check_round(archive: Archive, place: str, output: str, variables: dict[str, str], victim: str, seed: int) -> None:
    """A process of a job is killed at a random moment, and the tables are those of the undisturbed run."""
    random = Random(seed)
    parts = random.randint(0, SHARDS)
    seconds = random.uniform(0, 1 if parts else STARTING)
    ends: list[tuple[int, str]] = []
    while not ends:
        moment = Moment(parts, seconds)
        run = Run(place, f"{output}/{parts}-{seconds:.3f}", variables)
        ends = run_to_end(run, victim, moment, random)
        print(f"{victim}, {moment}: exit codes {[code for code, _ in ends] or 'none, as it had ended'}")
        # A job that had ended by then is met earlier: sooner after the same part, and at last after the one before.
        parts, seconds = (parts, seconds / 4) if seconds > STEP else (parts - 1, STEP)
    assert ended_well(*ends[-1]), ends
    scores, faces = run.tables()
    assert difference(scores, archive.scores) is None
    assert difference(faces, archive.faces) is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_on_disk_whatever_is_killed_every_row_and_face_comes_out_once(
    archive: Archive, tmp_path: Path, seed: int
) -> None:
    check_round(archive, str(archive.folder), str(tmp_path), {}, VICTIMS[seed % len(VICTIMS)], seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_in_s3_that_has_faults_whatever_is_killed_every_row_and_face_comes_out_once(
    archive: Archive, bucket: str, s3_server: S3Server, seed: int
) -> None:
    for name in ("dialogues", "videos", "bundle"):
        copy_in(archive.folder / name, f"{bucket}/{name}")
    victim = VICTIMS[(seed + 2) % len(VICTIMS)]  # another than on disk
    with faulty(s3_server.variables["AWS_ENDPOINT_URL"], seed) as proxy:
        check_round(archive, bucket, bucket, {"AWS_ENDPOINT_URL": proxy.url}, victim, seed)
    print(dict(proxy.seen))
    assert proxy.seen["requests"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "head"])
def test_what_is_killed_while_ray_starts_holds_nothing_up(archive: Archive, tmp_path: Path, victim: str) -> None:
    # Ray waits so long, 30 s unless told, for a head that dies before it has a port.
    run = Run(str(archive.folder), str(tmp_path), {"RAY_gcs_server_port_wait_time_s": "10"})
    ends = run_to_end(run, victim, Moment(0, 0.0), Random(0))
    assert ended_well(*ends[-1]), ends
    assert difference(run.tables()[0], archive.scores) is None
