"""`kill -9` of `people` at any moment, on disk and on S3: the same command again gives what an undisturbed run gives.

EMOTIONSCOPE_KILLS is the number of rounds on each, 1 unless told.
"""

import subprocess
import sys
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.identities.people import CENTROIDS, IDENTITIES, PEOPLE
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from tests.conftest import ROOT, shell
from tests.helpers.killing import seeds
from tests.identities.test_people import seen

LONGEST = 4.0  # seconds until the kill, at most: about as long as the job takes


def tables(output: str) -> list[pa.Table]:
    read = []
    for name in (IDENTITIES, PEOPLE, CENTROIDS):
        filesystem, path = (Place(output) / name).arrow()
        read.append(pq.read_table(path, filesystem=filesystem))
    return read


def command(faces: str, output: str) -> list[str]:
    return [sys.executable, "-m", "jobs.people", "--faces", faces, "--output", output, "--quiet"]


def check(place: str, seed: int) -> None:
    rows = [face for film in range(40) for person in range(5) for face in seen(f"f{film}", person, person + film % 7)]
    datasets.write_part(pa.Table.from_pylist(rows, contracts.faces_schema(True)), f"{place}/faces/part-0.parquet")
    environment = shell()
    subprocess.run(command(f"{place}/faces", f"{place}/whole"), cwd=ROOT, env=environment, check=True)
    killed = command(f"{place}/faces", f"{place}/killed")
    with subprocess.Popen(killed, cwd=ROOT, env=environment) as job:
        try:
            job.wait(Random(seed).uniform(0.5, LONGEST))
        except subprocess.TimeoutExpired:
            job.kill()
    if not (Place(f"{place}/killed") / "_summary.json").exists():
        subprocess.run(killed, cwd=ROOT, env=environment, check=True)
    assert all(a.equals(b) for a, b in zip(tables(f"{place}/whole"), tables(f"{place}/killed"), strict=True))


@pytest.mark.parametrize("seed", seeds(1))
def test_people_killed_on_disk_are_found_by_the_same_command(seed: int, tmp_path: Path) -> None:
    check(str(tmp_path), seed)


@pytest.mark.parametrize("seed", seeds(1))
def test_people_killed_on_s3_are_found_by_the_same_command(seed: int, bucket: str) -> None:
    check(bucket, seed)
