"""Damaged files of every kind are accepted or refused in one line; `python -m tests.fuzz_readers` reads thousands of them."""

from tests.fuzz_readers import fuzz, report


def test_damaged_files_are_read_right_or_refused(tmp_path):
    outcome = fuzz(260, 0, tmp_path)
    wrong = [finding for finding in outcome.findings if not finding.startswith("disagreement: cif")]
    assert not wrong, report(outcome)
    assert outcome.total("agreed") > 20 and outcome.total("refused") > 100
    assert len({kind for kind, _ in outcome.counts}) == 13


def test_a_wrong_reading_would_be_found(tmp_path, monkeypatch):
    """A reader that drops an atom, one that writes a file and one that raises: each is a finding."""
    from tests import fuzz_readers

    def without_an_atom(path):
        (path.parent / "left-behind").write_text("")
        lattice, pbc, numbers, frac_coords = read(path)
        return lattice, pbc, numbers[1:], frac_coords[1:]

    def broken(options):
        raise KeyError("x")

    read = fuzz_readers.read_structure
    monkeypatch.setattr(fuzz_readers, "read_structure", without_an_atom)
    monkeypatch.setattr(fuzz_readers, "read_crystals", broken)
    outcome = fuzz(39, 1, tmp_path, ("xyz", "vasp", "table.csv"))
    assert outcome.total("disagreement") > 3 and outcome.total("agreed") == 0
    assert outcome.total("file written") > 3 and outcome.total("traceback") == 13
