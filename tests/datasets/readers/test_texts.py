"""A file that is no text of a structure is refused for what it is; UTF-16 with its mark is read."""

import gzip

import pytest

from datasets.errors import InputError
from datasets.readers.structure_files import read_structure
from datasets.readers.texts import number

POSCAR = "MgO\n4.21\n0 .5 .5\n.5 0 .5\n.5 .5 0\nMg O\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
XYZ = '2\nLattice="4 0 0 0 4 0 0 0 4"\nMg 0 0 0\nO 2 2 2\n'
JSON = '{"lattice_mat": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "elements": ["Mg", "O"], "coords": [[0, 0, 0], [0.5, 0.5, 0.5]]}'
GOOD = {"x.vasp": POSCAR, "x.xyz": XYZ, "x.json": JSON, "x.yaml": f'{{"@class": "Structure", {JSON[1:]}'}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_texts_of_any_encoding_that_is_marked(tmp_path, name, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / name).write_bytes(mark + GOOD[name].encode(encoding))
    assert read_structure(tmp_path / name)[2].tolist() == [12, 8]


OTHERS = {
    "a web page": (b"\n<!DOCTYPE html><html><body>Login</body></html>", "a web page; download the file itself"),
    "a page with its header": (b"HTTP/1.1 200 OK\r\n\r\n<html>", "a web page; download the file itself"),
    "a page in UTF-16": ("<HTML><body>Login</body></HTML>".encode("utf-16"), "a web page; download the file itself"),
    "binary": (b"\x7fELF\x02\x01\0\0\0\0\x03\x04\x05\x06", "binary, not text"),
    "UTF-16 without a mark": (POSCAR.encode("utf-16-le"), "UTF-16 without a byte order mark; save it as UTF-8"),
    "packed": (gzip.compress(POSCAR.encode()), "packed by gzip; give its name the ending .gz"),
    "an archive": (b"PK\x03\x04\x14\0\0\0", "a zip archive; unpack it"),
    "a PDF": (b"%PDF-1.7\n", "a PDF"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\xef\xbb\xbf \n\n", "the file is empty"),
    "blank in UTF-16": (" \n".encode("utf-16"), "the file is empty"),
}


@pytest.mark.parametrize("name", ["x.vasp", "x.xyz", "x.json", "x.yaml", "x.cif", "POSCAR"])
@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_structure_is_refused_for_what_it_is(tmp_path, name, case):
    raw, message = OTHERS[case]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError) as caught:
        read_structure(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {message}")


def test_a_web_page_under_any_other_name(tmp_path):
    (tmp_path / "x.pwi").write_bytes(OTHERS["a web page"][0])
    with pytest.raises(InputError, match=r"x\.pwi: a web page"):
        read_structure(tmp_path / "x.pwi")


def test_numbers_of_python_and_fortran():
    assert [number(token) for token in ("1", "-.5", "1.5D-1", "1d+2", "2*^3", "1e3")] == [1, -0.5, 0.15, 100, 2000, 1000]
    for token in ("", ".", "1_0", "0x1", "1,5", "1/3", "--1", "1.2.3"):
        with pytest.raises(ValueError, match="is no number"):
            number(token)
