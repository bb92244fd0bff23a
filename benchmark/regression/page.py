"""The report of a check, and a baseline, as tables of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from benchmark.harness import machine
from benchmark.regression import loss_test
from benchmark.regression.baseline import Baseline, ModelBaseline
from benchmark.regression.check import ERRORS, CheckReport, unchecked
from benchmark.regression.seeds import has_its_source
from benchmark.regression.sources import GONE, SourceState, StaleSource
from benchmark.regression.trainings import PROFILE, this_machine
from benchmark.rendering.commands import command
from benchmark.rendering.text import chance, count, listed, marks_note, model_name, percent

OUTCOMES = {
    "same": "Same numbers as the baseline",
    "changed": "Other numbers, not shown to be worse",
    "better": "Shown to be better",
}
"""Verdict on the errors of a model that does not fail, in words."""

OTHER_NUMBERS = "other numbers"
"""The verdict `changed` in the table."""


def report_page(
    report: CheckReport,
    baseline: Baseline,
    stale: Sequence[StaleSource],
    uncommitted: Sequence[str] | None,
    against: str | None = None,
) -> str:
    """The verdict, what changed and what did not in a few lines, then every comparison.

    Args:
        report: of the check.
        baseline: that it was made against.
        stale: sources of published records that were not compared.
        uncommitted: files of the code that differ from the commit; None outside a checkout.
        against: the commit whose code made the baseline here, just before.
    """
    # With uncommitted changes, the records of a changed model are of other code in any case.
    older = [] if uncommitted else _older_records(stale)
    short = "\n".join(
        [
            conclusion(report, baseline),
            *_yours(report, uncommitted),
            *_in_short(report, baseline, bool(uncommitted), against),
            *older,
        ]
    )
    note = marks_note([PROFILE]) if any(row.is_model for row in report.rows) else ""
    return "\n\n".join(
        part for part in (short, _report_table(report, against or "baseline"), note, "\n".join(report.notes)) if part
    )


def _yours(report: CheckReport, uncommitted: Sequence[str] | None) -> Iterator[str]:
    """Which uncommitted changes were checked, or that there are none, as after a change that was undone."""
    if uncommitted:
        yield f"Checked with your uncommitted changes: {listed(uncommitted)}."
    elif uncommitted is not None:
        yield "The code has no uncommitted changes."
    if left := unchecked(report, uncommitted or []):
        yield f"Not checked, though their file changed: {listed(left)}. Name them with --model, or leave --model out."


def _in_short(report: CheckReport, baseline: Baseline, has_changes: bool, against: str | None) -> Iterator[str]:
    """One line for each outcome: which tasks and models have it; for other numbers, what may have given them."""
    yours = "your uncommitted changes; or " if has_changes else ""
    if report.trained_on:
        yield f"Trained on: {listed(report.trained_on)}."
    errors = [row for row in report.rows if row.what == ERRORS]
    for verdict, words in OUTCOMES.items():
        models = [row.subject for row in errors if row.verdict == verdict]
        if models:
            whose = words if against is None else words.replace("the baseline", f"the code of {against}")
            yield f"{whose}: {count(len(models), 'model')}, {listed(models)}."
    differ = report.differing
    if against is not None:
        if differ:
            yield f"The code of {against} was trained on this machine too: other numbers come from what you changed since."
        return
    causes = {name: _cause(baseline.models[name], name) for name in differ}
    for words in dict.fromkeys(causes.values()):
        concerned = listed([name for name in differ if causes[name] == words])
        yield f"Possible reasons for the other numbers of {concerned}: {yours}{words}."
    if has_changes and differ:
        tells = command("check", *(word for name in differ for word in ("--model", name)), "--against", "HEAD")
        yield f"`{tells}` tells whether it is your changes."


def _cause(expected: ModelBaseline, name: str) -> str:
    """What may have given a model other numbers than in its baseline, by the record: how the baseline was made."""
    was, versions = expected.provenance, machine.versions()
    other = [package for package, version in was.versions.items() if versions.get(package) != version]
    known = {
        f"with earlier code{_commit(was.git_commit)}": not has_its_source(expected, name),
        f"on another processor ({was.machine.processor})": was.machine.processor != this_machine().processor,
        f"with other versions of {', '.join(other)}": bool(other),
    }
    found = ", ".join(words for words, holds in known.items() if holds)
    return f"the baseline was made {found}" if found else "none on record"


def _commit(name: str | None) -> str:
    """` (commit 217f7ab0)`; nothing where the commit is not known."""
    if name is None:
        return ""
    commit, changes, _ = name.partition("+")
    return f" (commit {commit[:8]}{' and changes to it' if changes else ''})"


def _older_records(stale: Sequence[StaleSource]) -> Iterator[str]:
    """One line for each reason why published records are not known to hold."""
    for why in dict.fromkeys(one.why for one in stale):
        concerned = [one for one in stale if one.why == why]
        number = sum(one.records for one in concerned)
        names = list(dict.fromkeys(one.model for one in concerned))
        made = f"{count(number, 'record')} of {listed(names)} on the published board {'was' if number == 1 else 'were'} made"
        tested = command("verify", *(["--model", names[0]] if len(names) == 1 else []))
        how = "" if why == GONE else f" `{tested}` compares them."
        yield f"Not part of the verdict: {made} with earlier code. {why}{how}"


def _report_table(report: CheckReport, before: str) -> str:
    rows = [
        [
            model_name(row.subject, PROFILE) if row.is_model else row.subject,
            row.what,
            _cell(row.baseline),
            _cell(row.now),
            _share(row.change),
            OTHER_NUMBERS if row.verdict == "changed" else row.verdict,
            row.note,
        ]
        for row in report.shown
    ]
    headings = ["model or task", "what", before, "now", "change", "verdict", "note"]
    return tabulate(rows, headings, disable_numparse=True)


def conclusion(report: CheckReport, baseline: Baseline) -> str:
    """The check in one sentence, and which losses it finds of models with other numbers."""
    if alone := sole_failure(report):
        return f"{alone}."
    if report.failures:
        failed = listed(list(dict.fromkeys(f"{row.subject} ({row.verdict})" for row in report.failures)))
        return f"{len(report.failures)} of {len(report.shown)} comparisons failed: {failed}."
    compared = {row.subject for row in report.rows if row.is_model}
    if not compared & baseline.models.keys():
        return "No model was compared."
    differ = {row.subject for row in report.rows if row.what == ERRORS and row.verdict != "same"}
    rows = [row for row in baseline_rows(baseline) if row["model"] in differ]
    return " ".join(["No model is shown to be worse.", *_finds(rows, report.seeds)])


def sole_failure(report: CheckReport) -> str:
    """What is wrong with the one model that was checked, in words; empty where there is more to say."""
    failed = report.failures[0] if len(report.failures) == 1 else None
    if not failed or failed.what != ERRORS or len({row.subject for row in report.rows if row.is_model}) > 1:
        return ""
    if failed.verdict == "failed" or failed.p is None:
        return f"{failed.subject} cannot be trained: {failed.note}"
    return f"{failed.subject} is worse: {percent(failed.change, 1, signed=True)} (p {chance(failed.p)})"


def _finds(rows: Sequence[dict[str, Any]], seeds: Mapping[str, int]) -> Iterator[str]:
    """How sure a check of these models is: under all seeds of the baseline, under fewer, and where no seed matters."""
    noisy = [row for row in rows if row["sigma"] > 0]
    if powers := [row["power"] for row in noisy if seeds[row["model"]] >= row["seeds"]]:
        found = " to ".join(dict.fromkeys(percent(power) for power in (min(powers), max(powers))))
        yield f"A loss of 5 % is found in {found} of checks."
    if few := [row["model"] for row in noisy if seeds[row["model"]] < row["seeds"]]:
        yield f"Of {listed(few)}, fewer seeds than in the baseline were trained: only large losses are found."
    if steady := [row["model"] for row in rows if row["sigma"] == 0]:
        yield f"The error of {listed(steady)} does not depend on the seed: any loss is found."


def baseline_rows(baseline: Baseline) -> list[dict[str, Any]]:
    """What a check of each model costs and finds."""
    return [
        {
            "model": name,
            "seeds": model.n_seeds,
            "sigma": (sigma := loss_test.noise(model.log_mae())),
            "power": loss_test.power(model.n_seeds, sigma),
            "training_s": sum(sum(series.training_s[: model.n_seeds]) for series in model.tasks.values()),
            "reason": model.provenance.reason,
        }
        for name, model in baseline.models.items()
    ]


def baseline_table(baseline: Baseline) -> str:
    """Noise of each model, seeds of a check, the chance to find a loss of 5 %, and what a whole check trains."""
    rows = [
        [
            model_name(r["model"], PROFILE),
            percent(r["sigma"], 2),
            r["seeds"],
            percent(r["power"], 1) if r["sigma"] else "any loss",
            f"{r['training_s']:.1f} s",
            r["reason"],
        ]
        for r in baseline_rows(baseline)
    ]
    headings = ["model", "noise", "seeds", "finds a loss of 5 %", "training", "reason"]
    return f"{tabulate(rows, headings, disable_numparse=True)}\n\n{marks_note([PROFILE])}"


def sources_table(states: Sequence[SourceState]) -> str:
    """Every source that records name, and whether the newest source of its model gives the same numbers."""
    words = {True: "other numbers", False: "the same numbers", None: "not compared"}
    rows = [
        [
            state.model,
            state.source[:12] + (" (today's)" if state.today else ""),
            str(state.records),
            words[state.outdated],
            "" if state.difference is None else f"{state.difference:.1e}",
        ]
        for state in states
    ]
    headings = ["model", "source", "records", "the newest source gives", "largest difference, in SD of the targets"]
    return tabulate(rows, headings, disable_numparse=True)


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _share(change: float | None) -> str:
    return percent(change, 2, signed=True)
