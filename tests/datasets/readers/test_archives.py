"""Archives are read whole or refused in one line: nothing escapes, nothing is trusted, nothing half is written."""

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.readers.archives import extract_member, members, unpacked

CONTENT = {"set/a.cif": b"first", "set/deep/b.cif": b"", "targets.csv": b"a,1\n" * 1000}
EXTRA = {"set/._a.cif": b"resource fork", "__MACOSX/set/a.cif": b"resource fork"}


def tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for header, content in entries:
            archive.addfile(header, io.BytesIO(content))
    return path


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    for key, value in fields.items():
        setattr(header, key, value)
    return header, content


def zipped(path: Path, *entries: tuple[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            header = zipfile.ZipInfo(name)
            header.external_attr, header.compress_type = mode << 16, method
            archive.writestr(header, content)
    return path


def sample(folder: Path, kind: str) -> Path:
    every = (EXTRA | CONTENT).items()
    if kind == "zip":
        return zipped(folder / "x.zip", ("set/", b""), *every)
    directory = entry("set", type=tarfile.DIRTYPE)
    return tar(folder / "x.tar", directory, *(entry(n, c) for n, c in every), mode=f"w:{kind}")


def one_line(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(members(path))
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zip"])
def test_regular_members_are_read_and_macintosh_ones_skipped(tmp_path, kind):
    path = sample(tmp_path, kind).rename(tmp_path / "no_suffix")
    assert dict(members(path)) == {PurePosixPath(name): content for name, content in CONTENT.items()}


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "set/../../a", "..", "c:\\a", "set\\..\\..\\a"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path, name):
    for path in (tar(tmp_path / "x.tar", entry("a", b"1"), entry(name, b"2")), zipped(tmp_path / "x.zip", (name, b"2"))):
        assert "would leave the archive's folder" in one_line(path)
        with pytest.raises(InputError):
            extract_member(path, name, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tar", "x.zip"]


TYPES = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.GNUTYPE_SPARSE]


@pytest.mark.parametrize("kind", TYPES)
def test_a_link_or_device_in_a_tar_is_refused(tmp_path, kind):
    line = one_line(tar(tmp_path / "x.tar", entry("a", b"1"), entry("evil", type=kind, linkname="a")))
    assert "member 'evil' is no regular file" in line


def test_a_link_in_a_zip_and_an_encrypted_member_are_refused(tmp_path):
    link = zipped(tmp_path / "x.zip", ("evil", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)
    assert "member 'evil' is no regular file" in one_line(link)
    path = zipped(tmp_path / "y.zip", ("secret", b"1"))
    raw = bytearray(path.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(start) + offset] |= 1
    path.write_bytes(raw)
    assert "member 'secret' is encrypted" in one_line(path)


def test_a_zip_method_that_unpacks_without_a_bound_is_refused(tmp_path):
    assert "neither stored nor deflated" in one_line(zipped(tmp_path / "x.zip", ("a", b"1"), method=zipfile.ZIP_BZIP2))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_bomb_ends_at_the_bound_and_not_in_memory(tmp_path, kind):
    big = bytes(40_000_000)
    path = zipped(tmp_path / "x", ("a", big)) if kind == "zip" else tar(tmp_path / "x", entry("a", big), mode=f"w:{kind}")
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 2,000,000 bytes when unpacked"):
        list(members(path, most_bytes=2_000_000))
    assert tracemalloc.get_traced_memory()[1] < 15_000_000
    tracemalloc.stop()


def test_a_packed_file_has_a_bound_too(tmp_path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(bytes(10_000)))
    assert unpacked(path) == bytes(10_000)
    with pytest.raises(InputError, match="more than 9,999 bytes"):
        unpacked(path, 9_999)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"x\.json\.gz: cannot be read"):
        unpacked(path)


def test_too_many_members_are_refused_also_where_they_are_skipped(tmp_path):
    paths = [
        tar(tmp_path / "x.tar", *(entry(f"._{i}") for i in range(11))),
        zipped(tmp_path / "x.zip", *((f"._{i}", b"") for i in range(11))),
    ]
    for path in paths:
        assert not list(members(path, most_members=11))
        with pytest.raises(InputError, match="more members"):
            list(members(path, most_members=10))


def test_headers_that_lie_about_sizes_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", ("a", bytes(100_000)))
    raw = path.read_bytes()
    for size in (1_000, 1_000_000_000):
        path.write_bytes(raw.replace((100_000).to_bytes(4, "little"), size.to_bytes(4, "little")))
        assert "damaged" in one_line(path)
    header = tarfile.TarInfo("a")
    header.size = 1 << 40
    (tmp_path / "x.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert "damaged" in one_line(tmp_path / "x.tar")
    extended = tarfile.TarInfo("a")
    extended.type, extended.size = tarfile.XHDTYPE, 1 << 40
    (tmp_path / "x.tar").write_bytes(extended.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert "a header of" in one_line(tmp_path / "x.tar")


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zip"])
def test_a_truncated_archive_is_never_read_as_a_shorter_one(tmp_path, kind):
    path = sample(tmp_path, kind)
    raw, whole = path.read_bytes(), list(members(path))
    for length in range(0, len(raw), max(1, len(raw) // 97)):
        path.write_bytes(raw[:length])
        try:
            assert list(members(path)) == whole
        except InputError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@settings(max_examples=300, deadline=2000)
@given(
    st.sampled_from(["", "gz", "zip"]), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_damaged_bytes_are_one_line(tmp_path_factory, kind, changes):
    path = sample(tmp_path_factory.mktemp("fuzz"), kind)
    raw = bytearray(path.read_bytes())
    for at, value in changes:
        raw[at % len(raw)] = value
    path.write_bytes(raw)
    try:
        found = dict(members(path))
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert kind != "gz" or found == {PurePosixPath(name): content for name, content in CONTENT.items()}


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_one_member_is_extracted_atomically(tmp_path, kind):
    path, target = sample(tmp_path, kind), tmp_path / "out.csv"
    extract_member(path, "targets.csv", target)
    assert target.read_bytes() == CONTENT["targets.csv"]
    target.unlink()
    with pytest.raises(InputError, match=r"no member 'target\.csv'"):
        extract_member(path, "target.csv", target)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="damaged or truncated"):
        extract_member(path, "targets.csv", target)
    with pytest.raises(InputError):
        extract_member(tmp_path / "nowhere", "a", target)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
