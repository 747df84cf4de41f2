"""Whom the pages answer: their own address and nobody else's site, in HTTP and over the socket."""

import http.client
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, WebSocket
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from emotionscope.dashboard.uploads import PATH, Uploads
from tests.helpers.pages import open_page

SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def ask(site: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """The status and the cookie of the answer to a request with just these headers."""
    connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=30)
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    cookie = (answer.getheader("set-cookie") or "").split(";")[0]
    connection.close()
    return answer.status, cookie


def cookie(site: str) -> str:
    return ask(site, "/", {"Host": urlsplit(site).netloc})[1]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "192.0.2.1:{port}", ""]
)
def test_another_name_for_this_machine_is_not_answered(site: str, host: str) -> None:
    host = host.format(port=urlsplit(site).port)
    own = {"Host": host, "Cookie": cookie(site)}
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/x"):
        assert ask(site, path, own)[0] in (400, 403), path
    assert ask(site, "/_stcore/stream", {**SOCKET, **own, "Origin": f"http://{host}"})[0] in (400, 403)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_this_machine_are_answered(site: str, name: str) -> None:
    host = f"{name}:{urlsplit(site).port}"
    status, key = ask(site, "/", {"Host": host})
    assert status == 200
    assert ask(site, "/_stcore/stream", {**SOCKET, "Host": host, "Origin": f"http://{host}", "Cookie": key})[0] == 101


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:3000", "http://localhost:{port}", "null"])
def test_another_site_on_this_machine_or_the_internet_is_not_answered(site: str, origin: str) -> None:
    own = {"Host": urlsplit(site).netloc, "Cookie": cookie(site), "Origin": origin.format(port=urlsplit(site).port)}
    assert ask(site, "/_stcore/stream", {**SOCKET, **own})[0] == 403
    assert ask(site, "/_stcore/health", own)[0] == 403


def test_a_picture_in_another_sites_page_is_not_answered_but_a_link_is(site: str) -> None:
    own = {"Host": urlsplit(site).netloc, "Sec-Fetch-Site": "cross-site"}
    assert ask(site, "/", {**own, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"})[0] == 403
    assert ask(site, "/", {**own, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"})[0] == 403
    assert ask(site, "/", {**own, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})[0] == 200


def test_a_socket_needs_a_page_that_was_loaded(site: str) -> None:
    own = {**SOCKET, "Host": urlsplit(site).netloc}
    origin = {"Origin": site}
    assert ask(site, "/_stcore/stream", own)[0] == 403
    assert ask(site, "/_stcore/stream", {**own, **origin})[0] == 403
    assert ask(site, "/_stcore/stream", {**own, **origin, "Cookie": cookie(site) + "x"})[0] == 403
    assert ask(site, "/_stcore/stream", {**own, "Cookie": cookie(site)})[0] == 403


def test_a_page_without_a_field_for_files_takes_none(page: Page, site: str, tmp_path: Path) -> None:
    visits: list[str] = []

    def read(message: str | bytes) -> None:
        told = ForwardMsg.FromString(message) if isinstance(message, bytes) else None
        if told and told.WhichOneof("type") == "new_session":
            visits.append(told.new_session.initialize.session_id)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", read)

    page.on("websocket", listen)
    open_page(page, f"{site}/model")
    upload = f"""async () => {{
        const token = document.cookie.match(/_streamlit_xsrf=([^;]+)/)[1], form = new FormData();
        form.append("file", new Blob(["x".repeat(1000)]), "a.mp4");
        const path = "{PATH}" + "{{visit}}" + "/own-id";
        return (await fetch(path, {{method: "PUT", body: form, headers: {{"X-Xsrftoken": token}}}})).status;
    }}"""
    assert page.evaluate(upload.replace("{visit}", visits[-1])) == 403
    open_page(page, f"{site}/try")
    assert page.evaluate(upload.replace("{visit}", visits[-1])) == 204
    assert page.evaluate(upload.replace("{visit}", visits[0])) in (400, 403)  # whose page is left


def test_of_what_visitors_upload_only_what_their_pages_show_stays_in_memory() -> None:
    files = MemoryUploadedFileManager("/")
    visits = {"a", "b", "c"}
    uploads = Uploads(lambda: files, visits.__contains__, most=250)

    def put(visit: str, name: str) -> None:
        files.add_file(visit, UploadedFileRec(name, name, "video/mp4", bytes(100)))
        uploads.keep(visit, name)

    def there(visit: str) -> list[str]:
        return [each.file_id for each in files.get_files(visit, list("123456"))]

    for visit in visits:
        uploads.ask(visit)
    for name in "123":
        put("a", name)
    assert there("a") == ["3"]
    put("b", "4")
    put("c", "5")  # more than is kept of all: the oldest goes
    assert (there("a"), there("b"), there("c")) == ([], ["4"], ["5"])
    uploads.end("b")
    put("b", "6")
    assert not there("b") and not uploads.is_asked("b")
