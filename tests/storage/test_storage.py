import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope.errors import JobError, UserError
from emotionscope.storage import place, s3
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.helpers.faulty_s3 import faulty
from tests.helpers.s3 import S3Server

FILE = bytes(range(256)) * 1000


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest) -> str:
    if request.param == "s3":
        return request.getfixturevalue("bucket") + "/prefix"
    return str(request.getfixturevalue("tmp_path") / "new")


def test_a_file_reads_back_as_it_was_written(folder: str) -> None:
    uri = Place(folder) / "deep/file.bin"
    Place(uri).write_bytes(b"first")
    Place(uri).write_bytes(b"second")
    assert Place(uri).read_bytes() == b"second"
    with Place(uri).open() as stream:
        stream.seek(3)
        assert stream.read() == b"ond"


def test_large_files_are_read_in_ranges(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 4096
    Place(f"{bucket}/large.bin").write_bytes(content)
    monkeypatch.setattr(place, "SMALL_FILE_BYTES", 1000)
    with Place(f"{bucket}/large.bin").open() as stream:
        stream.seek(500_000)
        assert stream.read(1000) == content[500_000:501_000]
        stream.seek(-10, 2)
        assert stream.read() == content[-10:]


def test_a_listing_is_sorted_and_leaves_hidden_files_out(folder: str) -> None:
    for name in ("b.parquet", "a/c.parquet", "_summary.json", ".b.parquet", "note.txt", "_temp/d.parquet"):
        Place(Place(folder) / name).write_bytes(b"x")
    assert [file.name for file in Place(folder).list(".parquet")] == ["a/c.parquet", "b.parquet"]
    assert Place(Place(folder) / "missing").list() == []


def test_a_prefix_of_thousands_of_objects_is_listed_and_opened_whole(bucket: str) -> None:
    few = io.BytesIO()
    pq.write_table(pa.table({"dialogue_id": ["d"], "utterance_id": [0], "utterance": ["Hm."]}), few)

    def put(number: int) -> None:
        Place(f"{bucket}/in/{number:05d}.{'txt' if number % 20 else 'parquet'}").write_bytes(few.getvalue())

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(put, range(2_500)))
    assert len(Place(f"{bucket}/in").list()) == 2_500
    dataset = datasets.open_dataset(f"{bucket}/in", "dialogues")
    assert [part.uri for part in dataset.parts] == [f"{bucket}/in/{n:05d}.parquet" for n in range(0, 2_500, 20)]
    assert dataset.rows == 125


def test_what_is_there_is_told_from_what_is_not(folder: str) -> None:
    Place(Place(folder) / "run.json").write_json({"a": 1})
    assert Place(folder).exists()
    assert Place(Place(folder) / "run.json").is_file()
    assert not Place(folder).is_file()
    assert not Place(Place(folder) / "other.json").exists()
    with pytest.raises(FileNotFoundError):
        Place(Place(folder) / "other.json").read_bytes()


def test_a_missing_bucket_and_a_wrong_key_are_told_in_one_line(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no such bucket"):
        Place("s3://there-is-no-such-bucket/prefix").exists()
    assert not Place(f"{bucket}/prefix").exists()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot be reached"):
        Place(f"{bucket}/prefix").exists()


def test_a_store_that_is_too_busy_is_asked_again_and_then_no_mistake_of_the_users(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = s3_server.variables["AWS_ENDPOINT_URL"]
    with faulty(address, seed=2, share=0.25) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        for _ in range(3):
            s3.check_bucket(bucket)
        assert proxy.seen["busy"] and proxy.seen["cut"]
    with faulty(address, seed=0, share=1) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(JobError, match=r"S3 answers 503; .* rerun the same command"):
            s3.check_bucket(bucket)


def test_however_many_connections_are_cut_all_is_read(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 256
    Place(f"{bucket}/a.bin").write_bytes(content)
    # Faults come only at first, some of them in each thread: so none can meet one at every attempt.
    with faulty(s3_server.variables["AWS_ENDPOINT_URL"], seed=1, share=1 / 3, latest=0, first=300) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        s3.filesystem.cache_clear()  # a process has one client, and its server's address
        try:
            with ThreadPoolExecutor(60) as threads:
                read = threads.map(lambda _: Place(f"{bucket}/a.bin").read_bytes(), range(150))
                assert all(each == content for each in read)
        finally:
            s3.filesystem.cache_clear()
        assert proxy.seen["cut"] > 60 and proxy.seen["busy"] > 60


@pytest.mark.parametrize(
    ("answer", "away"),
    [
        ("NETWORK_CONNECTION during HeadObject operation: curlCode: 7, Could not connect to server", True),
        ("UNKNOWN (HTTP status 503) during HeadObject operation: No response body.", True),
        ("SLOW_DOWN during PutObject operation: Please reduce your request rate.", True),
        ("ACCESS_DENIED during PutObject operation: Access Denied", False),
        ("UNKNOWN (HTTP status 400) during HeadObject operation: No response body.", False),
    ],
)
def test_a_store_that_is_away_is_told_from_one_that_refuses(answer: str, away: bool) -> None:
    error = OSError(f"When reading information for key 'a' in bucket 'b': AWS Error {answer}")
    assert s3.is_away(error) == away
    assert isinstance(s3.failure("s3://b/a: cannot be read", error), JobError if away else UserError)


@pytest.mark.parametrize(
    "uri",
    [
        *("http://host/x", "gs://bucket/x", "s3a://bucket/x", "s3://", "s3:///x", "s3:/bucket/x", "S3:bucket", "", " "),
        *("s3://bucket//key", "s3://bucket/a//b", "s3://bucket/./a", "s3://bucket/a/../b"),
    ],
)
def test_other_schemes_and_broken_uris_are_refused(uri: str) -> None:
    with pytest.raises(UserError) as told:
        Place(uri)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("/data//a/", "/data/a"),
        ("/data/./b/../a", "/data/a"),
        ("file:///data/a", "/data/a"),
        ("file://localhost/data/a", "/data/a"),
        ("FILE:/data/a", "/data/a"),
        ("file:///data/my%20clips/%C3%A9", "/data/my clips/é"),
        ("/data/100%25", "/data/100%25"),
        ("s3://bucket/a/", "s3://bucket/a"),
        ("s3://bucket//", "s3://bucket"),
    ],
)
def test_a_place_has_one_name_however_it_is_written(uri: str, place: str) -> None:
    assert Place(uri) == place
    assert Place(place) == place


def test_names_join_below_a_folder_unless_they_are_absolute() -> None:
    assert (Place("s3://bucket/a") / "b/c.mp4") == "s3://bucket/a/b/c.mp4"
    assert (Place("/data") / "s3://bucket/c.mp4") == "s3://bucket/c.mp4"
    assert (Place("/data") / "/other/c.mp4") == "/other/c.mp4"
    assert (Place("/data") / "file:///other/my%2520clip.mp4") == "/other/my%20clip.mp4"
    assert (Place("/data") / "file:/other/c.mp4") == "/other/c.mp4"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIA:secret@bucket/prefix",
        "s3://AKIA:se/secret@bucket/prefix",
        "s3://secret@bucket",
        "s3://AKIA:secret@",
        "s3a://AKIA:secret@bucket",
        "https://me:se/secret@host/videos",
        "s3:AKIA:secret@bucket",
    ],
)
def test_a_secret_in_a_name_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(UserError) as told:
        Place(uri)
    assert "secret@" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_bucket_may_be_a_bundle_of_a_named_version() -> None:
    assert Place("s3://bucket@0123456789ab") == "s3://bucket@0123456789ab"
    assert Place("s3://bucket/me@home/models") == "s3://bucket/me@home/models"


@pytest.fixture
def halving(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A store whose object `s3://bucket/file` is `FILE`; of so many answers as the list says, it sends only half.

    It tells no length, so that what is missing does not show.
    """
    wrong: list[int] = []

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(FILE)))
            self.end_headers()

        def do_GET(self) -> None:
            first, last = re.findall(r"\d+", self.headers["Range"])
            content = FILE[int(first) : int(last) + 1]
            self.send_response(206)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if wrong else content)
            if wrong:
                wrong.pop()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
            monkeypatch.setenv(name, "none")
        s3.filesystem.cache_clear()  # a process has one client, and its server's address
        yield wrong
        server.shutdown()
        s3.filesystem.cache_clear()


@pytest.mark.parametrize("small", [2**20, 10])
def test_an_answer_that_ends_early_without_a_length_is_asked_for_again_or_told(
    halving: list[int], monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(place, "SMALL_FILE_BYTES", small)
    file = Place("s3://bucket/file")
    halving[:] = [1]
    with file.open() as stream:
        assert stream.read() == FILE
        stream.seek(-300, 2)
        assert stream.read(200) == FILE[-300:-100]
    halving[:] = [1]
    assert file.read_bytes() == FILE
    halving[:] = [1] * 100
    with pytest.raises(OSError, match="ends its answers early") as told, file.open() as late:
        late.read()
    assert s3.is_away(told.value)  # which says nothing of the video
    with pytest.raises(OSError, match="ends its answers early"):
        file.read_bytes()
