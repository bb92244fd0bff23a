"""What to do about a fold that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.results.checkout import ROOT

if TYPE_CHECKING:
    from benchmark.results.records import Record

CONTRACT = "tests/models/zoo/test_contract.py"


def where_to_look(record: Record) -> str:
    """The file of a model whose code failed, and the tests that say why; empty where the reason is another one."""
    from benchmark.harness.execution import code_failed
    from benchmark.results.model_cards import model_files

    name = record.key.model
    if not code_failed(record) or not (ROOT / CONTRACT).exists():
        return ""
    return f"; look into {model_files()[name]}: `python -m pytest {CONTRACT} -k {name} -x -n 0` says what is wrong with it"
