"""What every place for files must do alike."""

import io

import pytest

from errors import BadRequest, NotFound, TooLarge
from storage import StoredFile
from storage.port import checked_key

CSV = b"name,city\nAda,London\n"


def content(storage, key):
    with storage.open(key) as stream:
        return stream.read()


def test_what_was_put_comes_back(storage, make_file, tmp_path):
    stored = storage.put(make_file(CSV), "users/1/in.csv", "text/csv")
    storage.get("users/1/in.csv", tmp_path / "new" / "out.csv")
    assert (tmp_path / "new" / "out.csv").read_bytes() == CSV
    assert stored == StoredFile("users/1/in.csv", len(CSV), "text/csv")


def test_what_was_lent_outlives_its_key(storage, make_file, tmp_path):
    storage.put(make_file(CSV), "users/1/in.csv")
    storage.lend("users/1/in.csv", tmp_path / "new" / "lent.csv")
    storage.put(make_file(b"other"), "users/1/in.csv")
    storage.delete("users/1")
    assert (tmp_path / "new" / "lent.csv").read_bytes() == CSV


def test_what_is_not_there_is_not_lent(storage, tmp_path):
    with pytest.raises(NotFound):
        storage.lend("users/1/in.csv", tmp_path / "lent.csv")
    assert not (tmp_path / "lent.csv").exists()


def test_put_replaces(storage, make_file):
    storage.put(make_file(b"old and longer"), "a.txt")
    storage.put(make_file(b"new"), "a.txt")
    assert content(storage, "a.txt") == b"new"


def test_write_takes_the_rest_of_a_stream(storage):
    source = io.BytesIO(b"headtail")
    source.seek(4)
    assert storage.write(source, "a.csv", "text/csv").size_bytes == 4
    assert storage.stat("a.csv") == StoredFile("a.csv", 4, "text/csv")


def test_open_reads_in_pieces(storage, make_file):
    storage.put(make_file(b"abc" * 1_000_000), "large.bin")
    with storage.open("large.bin") as stream:
        assert stream.read(4) == b"abca"
        assert len(stream.read()) == 3_000_000 - 4


def test_a_file_of_several_parts_stays_whole(storage, make_file, tmp_path):
    made = bytes(range(256)) * (17 << 12)
    storage.put(make_file(made), "parts.bin")
    storage.get("parts.bin", tmp_path / "parts")
    assert (tmp_path / "parts").read_bytes() == made


def test_the_content_type_follows_from_the_name(storage, make_file):
    storage.put(make_file(), "page.html")
    assert storage.stat("page.html").content_type == "text/html"


def test_unicode_keys(storage, make_file):
    storage.put(make_file(CSV), "users/1/Übersicht 你好 100%.csv")
    assert [stored.key for stored in storage.list("users/1")] == ["users/1/Übersicht 你好 100%.csv"]
    assert content(storage, "users/1/Übersicht 你好 100%.csv") == CSV


@pytest.mark.parametrize("ask", ["open", "get", "copy"])
def test_a_missing_file_is_not_found(storage, tmp_path, ask):
    arguments = {"open": (), "get": (tmp_path / "x",), "copy": ("elsewhere",)}[ask]
    with pytest.raises(NotFound):
        getattr(storage, ask)("no/such", *arguments)
    assert not (tmp_path / "x").exists()


def test_stat_of_nothing_or_of_a_folder_is_none(storage, make_file):
    storage.put(make_file(), "folder/file")
    assert storage.stat("nothing") is None
    assert storage.stat("folder") is None
    assert storage.stat("folder/file/below") is None


def test_list_is_a_folder_not_a_beginning_of_names(storage, make_file):
    for key in ("users/1/a", "users/1/b/c", "users/10/a", "other"):
        storage.put(make_file(), key)
    assert {stored.key for stored in storage.list("users/1")} == {"users/1/a", "users/1/b/c"}
    assert {stored.key for stored in storage.list("users/1/")} == {"users/1/a", "users/1/b/c"}
    assert len(list(storage.list())) == 4
    assert list(storage.list("nowhere")) == []


def test_delete_removes_a_folder_and_spares_its_neighbour(storage, make_file):
    for key in ("users/1/a", "users/1/b/c", "users/10/a"):
        storage.put(make_file(), key)
    storage.delete("users/1/")
    assert [stored.key for stored in storage.list()] == ["users/10/a"]


def test_delete_removes_a_file_and_minds_nothing_missing(storage, make_file):
    storage.put(make_file(), "a")
    storage.delete("a")
    storage.delete("a")
    storage.delete("a/b")
    assert storage.stat("a") is None


def test_copy_leaves_the_source(storage, make_file):
    storage.put(make_file(CSV), "from.csv")
    assert storage.copy("from.csv", "to/there.csv").size_bytes == len(CSV)
    assert content(storage, "to/there.csv") == content(storage, "from.csv") == CSV


KEYS_OUT_OF_BOUNDS = [
    "",
    "/etc/passwd",
    "../secret",
    "a/../../b",
    "a//b",
    "a/./b",
    "a\\b",
    "C:/x",
    "a\x00b",
    "a\nb",
    "\ud800",
    "x" * 300,
    "x/" * 600 + "x",
]


@pytest.mark.parametrize("key", KEYS_OUT_OF_BOUNDS)
def test_odd_keys_are_refused(storage, make_file, key):
    with pytest.raises(BadRequest):
        storage.put(make_file(), key)
    with pytest.raises(BadRequest):
        storage.stat(key)


def test_an_empty_prefix_never_deletes_everything(storage, make_file):
    storage.put(make_file(), "a")
    with pytest.raises(BadRequest):
        storage.delete("")
    assert storage.stat("a")


def test_usual_keys_are_fine():
    assert checked_key("users/1/tasks/2/inputs/primary/a b.csv")


def test_an_upload_larger_than_the_limit_gets_no_link(storage):
    with pytest.raises(TooLarge):
        storage.upload_link("a", content_type="text/csv", size_limit=10, seconds=60, size_bytes=11)


def test_a_place_that_answers_passes_its_check(storage):
    storage.check()
