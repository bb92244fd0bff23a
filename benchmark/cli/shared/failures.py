"""What to do about a fold that failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark.results.checkout import ROOT

if TYPE_CHECKING:
    from benchmark.results.records import Record

CONTRACT = "tests/models/zoo/test_contract.py"
CODE_FAILED = re.compile(r"\w+(Error|Exception): ")
"""Begins the reason of a fold that an error of code ended, not bad data or settings."""


def code_failed(record: Record) -> bool:
    """Whether an error of code ended a fold, which will likely end the model's other folds too."""
    return record.status == "failed" and CODE_FAILED.match(record.reason or "") is not None


def where_to_look(record: Record) -> str:
    """The file of a model whose code failed, and the tests that say why; empty where the reason is another one."""
    from benchmark.results.model_cards import model_files

    name = record.key.model
    if not code_failed(record) or not (ROOT / CONTRACT).exists():
        return ""
    return f"; look into {model_files()[name]}: `python -m pytest {CONTRACT} -k {name} -x -n 0` says what is wrong with it"
