"""What a health report says of folding: fold factors, crystals with one graph, and the lowest error of any function of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.datasheets.graph_folding import Floor, Gap, GraphFolding
from benchmark.datasheets.section import Section, Table, count, number
from benchmark.rendering.text import in_unit, percent
from models.graph.indistinguishable import TOLERANCE

BEFORE = (
    "Atoms that no message-passing network on the graph can tell apart are one kind, and equal edges to an atom are one "
    "weighted edge. Crystals share a graph if they have the same kinds in the same proportions and lengths that agree within "
    "the tolerance. 'Different structures' are those that the search for duplicates does not call one. The floor is the lowest "
    "error over all crystals with a value that any function of the graph can reach: it gives crystals that share a graph one "
    "value, at best their median (for classes, the most frequent class)."
)


def folding_findings(foldings: Sequence[GraphFolding]) -> Iterator[str]:
    """How many crystals share a graph, and the floors above zero; a sentence for all rules of which it is true."""
    said: dict[str, list[str]] = {}
    for folding in foldings:
        for sentence in _findings(folding):
            said.setdefault(sentence, []).append(folding.rule)
    for sentence, rules in said.items():
        yield f"Under {' and '.join(rules)}: {sentence}."


def _findings(folding: GraphFolding) -> Iterator[str]:
    strict = folding.shared[0]
    if not strict.groups:
        yield f"no two crystals share a graph (lengths within {strict.tolerance:g} Å)"
        return
    yield (
        f"{count(strict.crystals, 'crystal')} in {count(strict.groups, 'group')} share their graph with another (lengths "
        f"within {strict.tolerance:g} Å): {count(strict.repeated, 'group')} of one structure listed more than once, "
        f"{count(strict.different, 'group')} of different structures"
    )
    floors = [f"{row.target} {with_unit(row.floor, row)}" for row in strict.floors if row.floor]
    if floors:
        yield f"no function of the graph has a lower error than {'; '.join(floors)}"


def folding_section(foldings: Sequence[GraphFolding]) -> Section:
    """The tables: factors, shared graphs, floors, gaps."""
    tables = [_factors(foldings), _shared(foldings), _floors(foldings)]
    tables += [table] if (table := _gaps(foldings))[1] else []
    return Section("Folding, and crystals with one graph", BEFORE, tuple(tables))


FACTORS = ("atoms", "kinds", "atoms a kind", "edges", "merged edges", "edges a merged edge", "crystals that fold")


def _factors(foldings: Sequence[GraphFolding]) -> Table:
    return ("rule", *FACTORS), [[row.rule, *factors(row)] for row in foldings]


def factors(row: GraphFolding) -> list[str]:
    """Atoms, kinds and their ratio; edges, merged edges and their ratio; the share of crystals with fewer kinds than atoms."""
    atoms = [f"{row.atoms:,}", f"{row.kinds:,}", f"{row.atoms / row.kinds:.2f}"]
    edges = [f"{row.edges:,}", f"{row.merged_edges:,}", f"{row.edges / row.merged_edges:.2f}" if row.merged_edges else ""]
    return [*atoms, *edges, percent(row.folding_crystals / row.crystals, 1)]


def _shared(foldings: Sequence[GraphFolding]) -> Table:
    header = ("rule", "tolerance, Å", "groups", "crystals", "of one structure", "of different structures", "the first groups")
    rows = []
    for folding in foldings:
        for found in folding.shared:
            numbers = [found.groups, found.crystals, found.repeated, found.different]
            examples = "; ".join(", ".join(ids) for ids in found.examples)
            rows.append([folding.rule, f"{found.tolerance:g}", *(f"{n:,}" for n in numbers), examples])
    return header, rows


def _floors(foldings: Sequence[GraphFolding]) -> Table:
    header = ("rule", *floor_header(foldings[0]))
    return header, [[folding.rule, *cells] for folding in foldings for cells in floor_rows(folding)]


def floor_header(folding: GraphFolding) -> list[str]:
    """What `floor_rows` tells."""
    return ["target", "values", "error", *(f"floor at {found.tolerance:g} Å" for found in folding.shared), "best constant"]


def floor_rows(folding: GraphFolding) -> list[list[str]]:
    """A row a target: the floor at each tolerance and the error of the best constant."""
    by_target = zip(*(found.floors for found in folding.shared), strict=True)
    return [
        [
            row[0].target,
            f"{row[0].values:,}",
            row[0].measure,
            *(with_unit(e, row[0]) for e in [*(f.floor for f in row), row[0].constant]),
        ]
        for row in by_target
    ]


def _gaps(foldings: Sequence[GraphFolding]) -> Table:
    header = ("rule", "target", f"lowest (groups at {TOLERANCE:g} Å)", "highest", "one structure")
    rows = [
        [folding.rule, row.target, *_ends(gap)] for folding in foldings for row in folding.shared[0].floors for gap in row.gaps
    ]
    return header, rows


def _ends(gap: Gap) -> list[str]:
    return [*(f"{name} ({number(value)})" for name, value in (gap.low, gap.high)), "yes" if gap.one_structure else "no"]


def with_unit(value: float, row: Floor) -> str:
    """An error and its unit."""
    return in_unit(number(value), row.unit)
