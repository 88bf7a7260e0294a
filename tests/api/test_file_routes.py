import pytest

from settings import get_settings
from tests.api.conftest import CSV

LIMIT = 3_000_000


@pytest.fixture
def link_for(client, storage):
    def make(**changes):
        wanted = {"content_type": "text/csv", "size_limit": LIMIT, "seconds": 60} | changes
        return storage.upload_link("users/1/ä b.csv", **wanted)

    return make


def send(client, link, content, **headers):
    return client.request(link.method, link.url, headers=link.headers | headers, content=content)


def pieces(size):
    for _ in range(size // 1000):
        yield b"x" * 1000


def test_a_file_goes_up_and_comes_down(client, storage, link_for):
    content = bytes(range(256)) * 10_000
    link = link_for(size_bytes=len(content))
    assert send(client, link, content).json() == {"key": link.key, "size_bytes": len(content)}
    down = client.get(storage.download_link(link.key, "Größe.csv", 60))
    assert down.content == content
    assert "Gr%C3%B6%C3%9Fe.csv" in down.headers["content-disposition"]
    assert down.headers["content-security-policy"].startswith("sandbox")


def test_a_part_can_be_asked_for(client, storage, link_for):
    send(client, link_for(), b"0123456789")
    part = client.get(storage.download_link("users/1/ä b.csv", "x.csv", 60), headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


@pytest.mark.parametrize("announced", [True, False])
def test_the_limit_holds_while_streaming(client, storage, link_for, announced):
    content = b"x" * (LIMIT + 1000) if announced else pieces(LIMIT + 1000)
    answer = send(client, link_for(), content)
    assert (answer.status_code, answer.json()["error"]) == (413, "TOO_LARGE")
    assert storage.stat("users/1/ä b.csv") is None


def test_the_exact_size_is_kept(client, storage, link_for):
    assert send(client, link_for(size_bytes=5), b"four").status_code == 400
    assert send(client, link_for(size_bytes=5), b"more than five").status_code == 413
    assert storage.stat("users/1/ä b.csv") is None


def test_another_content_type_is_refused(client, link_for):
    answer = send(client, link_for(), b"<script>", **{"Content-Type": "text/html"})
    assert (answer.status_code, answer.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_link_is_for_its_key_and_method_only(client, storage, link_for):
    link = link_for()
    assert client.put(link.url.replace("b.csv", "c.csv"), headers=link.headers, content=b"x").status_code == 403
    assert client.get(link.url).status_code == 403
    assert client.put(storage.download_link(link.key, "x", 60), content=b"x").status_code == 403


@pytest.mark.parametrize(
    "path", ["a", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "a%00b", "%ff", "", "a//b", "C:/x"]
)
def test_without_a_signature_nothing_is_found_or_taken(client, path):
    for method in ("GET", "PUT"):
        assert client.request(method, f"/files/{path}", params={"expires": "1"}).status_code in {400, 403, 404}


def test_a_removed_file_is_not_found(client, storage):
    assert client.get(storage.download_link("users/1/gone.csv", "x", 60)).status_code == 410


def test_an_empty_file_is_a_file(client, storage, link_for):
    assert send(client, link_for(size_bytes=0), b"").status_code == 200
    assert storage.stat("users/1/ä b.csv").size_bytes == 0


def test_without_a_public_address_links_lead_to_where_the_request_came(signed_in, monkeypatch):
    def link() -> str:
        task_id = signed_in.post("/tasks", json={"tool_id": "clean-my-data"}).json()["task_id"]
        wanted = {"files": {"primary": {"filename": "people.csv"}}}
        return signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]["url"]

    monkeypatch.setenv("PUBLIC_URL", "https://tables.example.org/")
    get_settings.cache_clear()
    assert link().startswith("https://tables.example.org/files/users/")
    monkeypatch.delenv("PUBLIC_URL")
    get_settings.cache_clear()
    assert link().startswith(str(signed_in.base_url.join("/files/users/")))
    assert signed_in.put(link(), headers={"Content-Type": "application/octet-stream"}, content=CSV).is_success
