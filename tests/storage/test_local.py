import threading
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from errors import NotPermitted, StorageUnavailable
from storage import LocalStorage
from storage.local import INCOMING
from tests.storage.test_contract import content


def parts(url: str) -> tuple[str, dict[str, str]]:
    address = urlsplit(url)
    return unquote(address.path.removeprefix("/files/")), dict(parse_qsl(address.query))


def upload(storage, **changes):
    wanted = {"content_type": "text/csv", "size_limit": 100, "seconds": 60} | changes
    return storage.upload_link("users/1/ä b.csv", **wanted)


def test_a_link_carries_what_it_allows(local_storage):
    link = upload(local_storage, size_bytes=7)
    key, query = parts(link.url)
    grant = local_storage.verified("PUT", key, query)
    assert (grant.key, grant.content_type, grant.size_bytes, grant.size_limit) == (link.key, "text/csv", 7, 100)
    assert link.headers == {"Content-Type": "text/csv"}


def test_a_download_link_keeps_the_name(local_storage):
    key, query = parts(local_storage.download_link("users/1/out.csv", "Ergebnis – März.csv", 60))
    assert local_storage.verified("GET", key, query).filename == "Ergebnis – März.csv"


@pytest.mark.parametrize(
    "change",
    [
        {"size_limit": "999"},
        {"content_type": "text/html"},
        {"expires": "99999999999"},
        {"signature": "é"},
        {"filename": "x"},
    ],
)
def test_a_changed_link_is_refused(local_storage, change):
    key, query = parts(upload(local_storage).url)
    with pytest.raises(NotPermitted):
        local_storage.verified("PUT", key, query | change)


def test_a_link_is_for_one_key_and_method(local_storage):
    key, query = parts(upload(local_storage).url)
    for method, other in (("GET", key), ("PUT", "users/2/x.csv")):
        with pytest.raises(NotPermitted):
            local_storage.verified(method, other, query)


def test_an_expired_link_is_refused(local_storage):
    key, query = parts(upload(local_storage, seconds=-1).url)
    with pytest.raises(NotPermitted, match="expired"):
        local_storage.verified("PUT", key, query)


@pytest.mark.parametrize("query", [{}, {"expires": "soon"}, {"expires": "1", "size_limit": "x"}])
def test_an_incomplete_link_is_refused(local_storage, query):
    with pytest.raises(NotPermitted):
        local_storage.verified("PUT", "a", query)


def test_another_secret_signs_another_link(local_storage):
    key, query = parts(upload(local_storage).url)
    stranger = LocalStorage(local_storage.root, "another secret", "http://127.0.0.1:8000")
    with pytest.raises(NotPermitted):
        stranger.verified("PUT", key, query)


def test_a_write_that_breaks_off_leaves_nothing(local_storage):
    with pytest.raises(KeyError), local_storage.writing("a") as target:  # noqa: PT012 - the break is the test
        target.write(b"half")
        raise KeyError
    assert list(local_storage.list()) == []
    assert not any(path.is_file() for path in local_storage.root.rglob("*"))


def test_a_symbolic_link_out_of_the_root_is_no_way_out(local_storage, tmp_path):
    local_storage.root.mkdir()
    (local_storage.root / "away").symlink_to(tmp_path)
    with pytest.raises(NotPermitted):
        local_storage.open("away/secret")


def test_the_writing_corner_is_no_place_for_files(local_storage):
    with pytest.raises(NotPermitted):
        local_storage.open(".incoming/x")


def test_a_root_that_cannot_be_a_folder_is_unavailable(tmp_path):
    (tmp_path / "file").touch()
    broken = LocalStorage(tmp_path / "file", "secret", "http://127.0.0.1")
    with pytest.raises(StorageUnavailable):
        broken.check()


def test_readers_see_whole_files_while_writers_race(local_storage, make_file):
    pages = [make_file(bytes([number]) * 300_000, f"{number}.bin") for number in range(4)]
    threads = [threading.Thread(target=local_storage.put, args=(page, "same/key")) for page in pages * 4]
    local_storage.put(pages[0], "same/key")
    for thread in threads:
        thread.start()
    seen = [content(local_storage, "same/key") for _ in range(50)]
    for thread in threads:
        thread.join()
    assert all(len(page) == 300_000 and len(set(page)) == 1 for page in seen)


def test_a_copy_is_a_file_of_its_own(local_storage, make_file):
    local_storage.put(make_file(b"first"), "a/source")
    local_storage.copy("a/source", "b/copy")
    local_storage.put(make_file(b"second"), "b/copy")
    with local_storage.open("a/source") as source:
        assert source.read() == b"first"
    local_storage.copy("a/source", "b/copy")
    local_storage.copy("a/source", "b/copy")
    local_storage.delete("a")
    with local_storage.open("b/copy") as copy:
        assert copy.read() == b"first"
    assert list((local_storage.root / INCOMING).iterdir()) == []


def test_a_disk_without_hard_links_copies_the_bytes(local_storage, make_file, monkeypatch):
    def refuse(self, target):
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    local_storage.put(make_file(b"first"), "a/source")
    assert local_storage.copy("a/source", "b/copy").size_bytes == 5
