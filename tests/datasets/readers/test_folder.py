"""A person's own folder: what is accepted, and one line that says what to do for everything that is not."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from datasets import registry
from datasets.elements import cgcnn_features
from datasets.errors import InputError
from datasets.readers.folder import open_folder, unreadable
from tests.benchmark.conftest import write_folder

DATA = Path(os.environ.get("BENCHMARK_DATA") or Path(__file__).parents[4] / "shared" / "data")
SAMPLE = DATA / "cgcnn" / "sample-regression"


@pytest.fixture
def folder(tmp_path) -> Path:
    for i, name in enumerate(["a.cif", "b.cif", "c.cif"]):
        write(tmp_path / name, Atoms("NaCl", positions=[[0, 0, 0], [2, 2, 2]], cell=[4 + i, 4, 4], pbc=True))
    return tmp_path


def with_csv(folder: Path, text: str | bytes, name: str = "id_prop.csv") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_cgcnn_layout_without_a_header(folder):
    dataset = open_folder(with_csv(folder, "a,1.5\nc,-2e-3\nb,0\n"))
    crystals = dataset.load()
    assert crystals.ids.tolist() == ["a", "c", "b"] and crystals.lattice[:, 0, 0].round(6).tolist() == [4, 6, 5]
    assert crystals.targets["target"].tolist() == [1.5, -0.002, 0.0]
    card = dataset.card
    assert (card.name, card.targets, card.rows, card.known_problems) == (folder.name, {"target": "as given"}, 3, ())


def test_a_header_names_targets_and_units_and_empty_cells_are_missing(folder):
    text = "\ufeffid,band_gap [eV],energy\r\na,,1\r\n\r\nb.cif, 2.5 ,\r\n"
    dataset = open_folder(with_csv(folder, text, "mine.csv"))
    assert dataset.card.targets == {"band_gap": "eV", "energy": "as given"}
    assert dataset.card.known_problems == ("1 structure file has no row in mine.csv",)
    crystals = dataset.load()
    assert crystals.ids.tolist() == ["a", "b.cif"]
    assert np.array_equal(crystals.targets.to_numpy(), [[np.nan, 1], [2.5, np.nan]], equal_nan=True)


@pytest.mark.parametrize("word", ["", "nan", "n.a."])
def test_a_row_without_a_value_is_missing_and_told(folder, word):
    dataset = open_folder(with_csv(folder, f"id,gap\na,1\nb,{word}\n"))
    assert "1 row without a value of any target, left out: line 3" in dataset.card.known_problems
    assert np.array_equal(dataset.load().targets["gap"], [1, np.nan], equal_nan=True)


def test_a_standard_name_wins_over_other_tables(folder):
    with_csv(folder, "junk", "notes.csv")
    assert open_folder(with_csv(folder, "id,gap [eV]\na,1\n", "targets.csv")).card.targets == {"gap": "eV"}


def test_ids_are_text(folder):
    (folder / "a.cif").rename(folder / "007.cif")
    assert open_folder(with_csv(folder, "007,1\n")).load().ids.tolist() == ["007"]


def test_an_id_of_the_materials_project_finds_its_file_in_either_spelling(folder):
    for old, new in (("a", "mp-149"), ("b", "mp-aaaaaafu"), ("c", "mp-ba")):
        (folder / f"{old}.cif").rename(folder / f"{new}.cif")
    crystals = open_folder(with_csv(folder, "mp-aaaaaaft,1\nmp-150,2\nmp-aaaaaaba,3\n")).load()
    assert crystals.ids.tolist() == ["mp-aaaaaaft", "mp-150", "mp-aaaaaaba"]
    assert crystals.lattice[:, 0, 0].round(6).tolist() == [4, 5, 6]
    (folder / "mp-aaaaaaft.cif").write_bytes((folder / "mp-ba.cif").read_bytes())
    assert open_folder(with_csv(folder, "mp-149,1\n")).load().lattice[0, 0, 0] == 4  # its own name comes first
    (folder / "mp-ft.cif").write_bytes((folder / "mp-ba.cif").read_bytes())
    (folder / "mp-149.cif").unlink()
    with pytest.raises(InputError, match=r"'mp-149' has several structure files \(mp-aaaaaaft\.cif and mp-ft\.cif\)"):
        open_folder(folder)


def bad_files(dataset, verdict: str) -> tuple[str, ...]:
    """The lines below the error of a folder that cannot be loaded, which says the verdict and what to do."""
    with pytest.raises(InputError) as caught:
        dataset.load()
    assert verdict in str(caught.value) and "`--skip-bad`, in Python with `skip_bad=True`" in str(caught.value)
    return caught.value.details


def test_the_card_reads_no_structure(folder):
    (folder / "a.cif").write_text("broken")
    dataset = open_folder(with_csv(folder, "a,1\n"))
    assert "id_prop.csv line 1: a.cif: not a readable CIF file" in bad_files(dataset, "1 of 1 crystal cannot be read")[0]


def test_ids_are_equal_under_unicode_normalisation_and_without_blanks_around(folder):
    (folder / "a.cif").rename(folder / "caf\u00e9.cif")
    (folder / "b.cif").rename(folder / "re\u0301sume\u0301.Cif")
    dataset = open_folder(with_csv(folder, "\u200bcafe\u0301\u00a0,1\nr\u00e9sum\u00e9.cif,2\n c ,3\n"))
    assert dataset.load().ids.tolist() == ["caf\u00e9", "r\u00e9sum\u00e9.cif", "c"]
    with pytest.raises(InputError, match="line 2: id 'caf\u00e9' appears more than once \\(first in line 1\\)"):
        open_folder(with_csv(folder, "cafe\u0301,1\ncaf\u00e9,2\n"))
    (folder / "c.cif").rename(folder / "cafe\u0301.cif")
    with pytest.raises(InputError, match=r"has several structure files .*; the names are equal, rename one"):
        open_folder(with_csv(folder, "cafe\u0301,1\n"))


def test_the_letter_case_of_endings_is_free(folder):
    (folder / "a.cif").rename(folder / "a.Cif")
    (folder / "b.cif").rename(folder / "b.CIF")
    assert open_folder(with_csv(folder, "a.cif,1\nb.CIF,2\nc.CIF,3\n")).load().lattice[:, 0, 0].round().tolist() == [4, 5, 6]
    (folder / "c.cif").rename(folder / "b.cif")
    assert open_folder(with_csv(folder, "b.cif,1\nb.CIF,2\n")).load().lattice[:, 0, 0].round().tolist() == [6, 5]


def test_classes_of_a_folder_are_codes_and_names_on_the_card(folder):
    dataset = open_folder(with_csv(folder, "a,metal\nb,semi\nc,metal\n"))
    card = dataset.card
    assert (card.targets, card.classes) == ({"target": "class"}, {"target": ("metal", "semi")})
    assert card.known_problems == ("target: one crystal only is semi",)
    assert dataset.load().targets["target"].tolist() == [0, 1, 0]
    card = open_folder(with_csv(folder, "id;phase [class];gap [eV];metal\na;2;1,5;yes\nb;10;;no\nc;2;2,5;YES\n")).card
    assert card.targets == {"phase": "class", "gap": "eV", "metal": "class"}
    assert card.classes == {"phase": ("2", "10"), "metal": ("False", "True")}


def test_the_registry_opens_a_folder_by_its_path(folder):
    assert len(registry.load(str(with_csv(folder, "a,1\n")))) == 1


TABLES = {
    "duplicate id": ("a,1\nb,2\na,3\n", "line 3: id 'a' appears more than once (first in line 1)"),
    "duplicate by suffix": ("a,1\na.cif,2\n", "line 2: id 'a.cif' appears more than once (first in line 1)"),
    "no id": ("a,1\n,2\n", "line 2: the id is empty"),
    "infinity": ("a,1\n\nb,-inf\n", "line 3 (id 'b'): target 'target' is -inf"),
    "overflow": ("a,1e999\n", "line 1 (id 'a'): target 'target' is 1e999"),
    "text": ("a,1\nb,two\n", "line 2 (id 'b'): target \"two\" is not a number"),
    "text in the first row": ("a,abc\nb,1\n", "line 1 (id 'a'): target \"abc\" is not a number"),
    "one column": ("a\nb\n", "line 1: 1 column; expected 2 (id,target"),
    "three columns without a header": (
        "a,1,2\n",
        "line 1: 3 columns; expected 2 (id,target; more targets need a header",
    ),
    "a short row": ("id,gap,e\na,1\n", "line 2: 2 columns; expected 3 (as in the header)"),
    "blanks": ("a 1\nb 2\n", "line 1: 1 column; expected 2"),
    "no known separator": ("a:1\nb:2\n", "no separator was found in the first row; expected ',', ';', a tab, '|'"),
    "a decimal comma that separates": (
        "a,1,5\nb,2,5\n",
        "line 1: 3 columns; expected 2 (id,target; more targets need a header that names them); the separator is ','",
    ),
    "a value under no heading": ("id,gap,\na,1,\nb,1,2\n", "line 1: a column without a name"),
    "two units": ("id,gap [eV]\na,metal\nb,metal\n", "is not a number; correct it or remove the row; a column of classes has"),
    "a nameless column": ("id,gap,\na,1,2\n", "line 1: a column without a name"),
    "a repeated column": ("id,gap,gap [eV]\na,1,2\n", "line 1: column 'gap' is repeated or reserved"),
    "a reserved column": ("id,lattice\na,1\n", "line 1: column 'lattice' is repeated or reserved"),
    "empty": ("", "the file is empty; add id_prop.csv"),
    "blank lines": ("\n ,\n", "the file is empty"),
    "header only": ("id,gap\n", "a header but no rows"),
    "latin-1": (b"a,1\nb,\xb5\n", "line 2: bytes that are not UTF-8 (byte 6); save the file as UTF-8"),
    "windows-1252": ("id;gap [\u00c5]\na;1,5\n".encode("cp1252"), "line 1: bytes that are not UTF-8 (byte 8); save"),
    "UTF-16 without a mark": ("a,1\nb,2\n".encode("utf-16-le"), "UTF-16 without a byte order mark; save the file as UTF-8"),
    "half of a UTF-16": ("a,1\nb,2\n".encode("utf-16")[:-1], "bytes that are not UTF-16"),
    "an open quote": ('a,1\n"b,2\n', "line 2: not a CSV (a quote that is not closed)"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_one_line_that_names_file_and_row(folder, case):
    text, message = TABLES[case]
    with pytest.raises(InputError) as caught:
        open_folder(with_csv(folder, text))
    assert str(caught.value).startswith(str(folder / "id_prop.csv")) and message in str(caught.value)
    assert "\n" not in str(caught.value)


LACKING = {
    "a row with another separator": (
        "a;1\nb,2\n",
        "line 2: 1 column; expected 2 (id,target; more targets need a header that names them); the separator is ';'",
    ),
    "a separator at the end of some rows": ("id,gap\na,1,\nb,1\n", "line 2: 3 columns; expected 2 (as in the header)"),
    "id without a file": ("a,1\nz,2\n", "line 2: id 'z' has no structure file; add e.g. z.cif"),
    "id without a file first": ("z,1\na,2\n", "line 1: id 'z' has no structure file"),
    "id out of the folder": ("../a,1\n", "line 1: id '../a' has no structure file"),
    "accents decomposed": ("a\u0301,1\n", "line 1: id '\u00e1' has no structure file"),
    "letter case": ("A,1\n", "line 1: id 'A' has no structure file; a differs in letter case"),
}


@pytest.mark.parametrize("case", LACKING)
def test_a_row_without_a_file_is_named(folder, case):
    text, message = LACKING[case]
    [told] = bad_files(open_folder(with_csv(folder, text)), "1 of ")
    assert told.startswith("id_prop.csv line ") and message in told


def test_all_rows_to_mend_are_named_at_once(folder):
    (folder / "b.cif").write_text("broken")
    told = bad_files(open_folder(with_csv(folder, "a,1\nb,2\nz,3\n")), "2 of 3 crystals cannot be read")
    assert [line[: len("id_prop.csv line 2")] for line in told] == ["id_prop.csv line 2", "id_prop.csv line 3"]
    with pytest.raises(InputError, match=r"line 1 .*is not a number; .*; and 3 more problems:$") as caught:
        open_folder(with_csv(folder, "a,one\nc,inf\nb,2\nz,3\n"))
    assert [re.match(r"id_prop\.csv line (\d)", line)[1] for line in caught.value.details] == ["2", "3", "4"]
    with pytest.raises(InputError, match=r"line 2: id 'a' appears more than once .*; and 1 more problem:$") as caught:
        open_folder(with_csv(folder, "a,1\na,2\n,3\n"))
    assert caught.value.details == ("id_prop.csv line 3: the id is empty; give the name of a structure file",)


def test_a_row_with_too_many_columns_is_named_with_the_other_bad_rows(folder):
    with_csv(folder, "id,gap\na,1\nb,2,3\nz,3\n")
    first, second = bad_files(open_folder(folder), "2 of 3 crystals cannot be read")
    assert first == "id_prop.csv line 3: 3 columns; expected 2 (as in the header); the separator is ','"
    assert second.startswith("id_prop.csv line 4: id 'z' has no structure file")
    dataset = open_folder(folder, tuple(unreadable(folder)))
    assert dataset.load().targets["gap"].tolist() == [1.0]
    right = open_folder(with_csv(folder, "id,gap\na,1\nb,2\nz,3\n"))
    assert dataset.card.known_problems == right.card.known_problems, "the file of line 3 has a row"
    with pytest.raises(InputError, match=r"line 3 .*is not a number; .*; and 1 more problem:$") as caught:
        open_folder(with_csv(folder, "id,gap\na\nb,x\nc,1\n"))
    assert caught.value.details[0].startswith("id_prop.csv line 2: 1 column; expected 2")


def test_a_folder_without_the_bad_rows_loads(folder):
    (folder / "b.cif").write_text("broken")
    with_csv(folder, "a,1\nb,2\nz,3\n")
    assert list(unreadable(folder)) == ["b", "z"]
    assert open_folder(folder, ("b", "z")).load().ids.tolist() == ["a"]


def test_a_folder_that_is_empty_or_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no structure files; add one file a crystal"):
        open_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        open_folder(tmp_path / "gone")


def test_no_csv_and_several_csvs_say_what_to_do(folder):
    with pytest.raises(InputError, match=r"no CSV of ids and targets; add id_prop\.csv"):
        open_folder(folder)
    with_csv(with_csv(folder, "a,1\n", "one.csv"), "a,1\n", "two.csv")
    with pytest.raises(InputError, match=r"several CSVs \(one\.csv, two\.csv\); keep one, or rename"):
        open_folder(folder)
    with_csv(with_csv(folder, "a,1\n"), "a,1\n", "targets.csv")
    with pytest.raises(InputError, match=r"several CSVs \(id_prop\.csv, targets\.csv\)"):
        open_folder(folder)


def test_two_files_of_one_stem_need_the_suffix(folder):
    (folder / "a.xyz").write_text("1\n\nH 0 0 0\n")
    with pytest.raises(InputError, match=r"line 1: id 'a' has several structure files \(a\.cif and a\.xyz\)"):
        open_folder(with_csv(folder, "a,1\n"))
    assert len(open_folder(with_csv(folder, "a.cif,1\na.xyz,2\n")).load()) == 2


def test_truncated_and_partially_occupied_files_name_the_row(folder):
    text = (folder / "b.cif").read_text()
    dataset = open_folder(with_csv(folder, "a,1\nb,2\n"))
    (folder / "b.cif").write_text(text[: text.rindex("Cl")])
    assert re.match(r"id_prop\.csv line 2: b\.cif: .*truncated\?", *bad_files(dataset, "1 of 2 crystals"))
    (folder / "b.cif").write_text(text.replace("1.0000", "0.7000"))
    told = bad_files(dataset, "1 of 2 crystals cannot be read")
    assert re.match(r"id_prop\.csv line 2: b\.cif: site .* is partially occupied", *told)


def test_ten_bad_files_are_named_a_line_each_and_the_others_counted(tmp_path):
    folder = write_folder(tmp_path / "many", 13)
    for n in range(12):
        (folder / f"c{n}.cif").write_text("broken")
    told = bad_files(open_folder(folder), "12 of 13 crystals cannot be read; mend them or remove their rows; ")
    assert len(told) == 11 and told[9].startswith("id_prop.csv line 10: c9.cif: ") and told[10] == "and 2 more"


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not on this machine")
def test_the_sample_that_cgcnn_ships_is_read():
    dataset = open_folder(SAMPLE)
    crystals = dataset.load()
    assert len(crystals) == dataset.card.rows == 10 and dataset.card.known_problems == ()
    assert crystals.targets["target"].iloc[:3].tolist() == [1.0, 2.0, 3.0]
    assert crystals.n_atoms.tolist() == [8, 2, 4, 5, 12, 8, 2, 8, 8, 8]


def element_file(folder, content) -> None:
    (folder / "atom_init.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_users_element_features_come_with_the_crystals_and_count_in_the_hash(folder):
    with_csv(folder, "a,1\nb,2\n")
    plain = open_folder(folder).load()
    element_file(folder, {"1": [0.5, 1.0], "29": [2.0, 3.0]})
    own = open_folder(folder).load()
    assert plain.element_features is None and own.element_features.shape == (30, 2)
    assert own.element_features[29].tolist() == [2.0, 3.0] and own.element_features[2].tolist() == [0.0, 0.0]
    assert own.structure_hash == plain.structure_hash and own.content_hash != plain.content_hash
    assert own.take([1]).element_features is own.element_features


def test_the_original_element_features_are_the_built_in_ones(folder):
    with_csv(folder, "a,1\nb,2\n")
    element_file(folder, {z: row.tolist() for z, row in enumerate(cgcnn_features()) if z})
    assert open_folder(folder).load().element_features is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a JSON of element features"),
        ("[1, 2]", "not a JSON of element features"),
        ({"Cu": [1.0]}, "not a JSON of element features"),
        ({"29": "text"}, "not a JSON of element features"),
        ({"29": [1.0], "30": [1.0, 2.0]}, "element '29' must be an atomic number with a list of 2 finite numbers"),
        ({"0": [1.0]}, "element '0' must be an atomic number"),
        ('{"29": [NaN]}', "element '29' must be an atomic number"),
        ({"-5": [1.0]}, "element '-5' must be an atomic number"),
        ({"4000000000": [1.0]}, "element '4000000000' must be an atomic number"),
        ("[" * 100_000, "not a JSON of element features"),
        ({}, "no element has features"),
        ({"29": [0.0]}, "no element has features"),
    ],
)
def test_element_features_that_cannot_be_read_are_refused_in_one_line(folder, content, reason):
    element_file(with_csv(folder, "a,1\nb,2\n"), content)
    with pytest.raises(InputError, match=rf"atom_init\.json: {reason}") as caught:
        open_folder(folder).load()
    assert "\n" not in str(caught.value)


def test_a_class_of_rows_below_is_no_heading(folder):
    [told] = bad_files(open_folder(with_csv(folder, "lost,metal\na,metal\nb,semi\nc,semi\n")), "1 of 4 crystals")
    assert "line 1: id 'lost' has no structure file" in told


def test_structure_files_in_sub_folders_are_told_and_not_read(folder):
    with_csv(folder, "a,1\nb,2\nc,3\n")
    (folder / "relaxed").mkdir()
    (folder / "notes").mkdir()
    for file in sorted(folder.glob("*.cif"))[:1]:
        (folder / "relaxed" / file.name).write_bytes(file.read_bytes())
    card = open_folder(folder).card
    assert card.known_problems == ("structure files in 1 sub-folder are not read (relaxed)",)
    assert card.rows == len(open_folder(folder).load())
