"""What the web page shows of single crystals: errors of predicted numbers, summed up and packed. Needs no torch."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from benchmark.leaderboard.comparison_groups import GroupPredictions
from benchmark.leaderboard.pair_answers import PairAnswer
from benchmark.leaderboard.pair_text import open_text, verdict_text

FEW = 2_000
"""Crystals up to which a plot shows every one; above, it shows how dense they are."""
BANDS = 10
HISTOGRAM_BINS = 41
"""Odd, so that errors around 0 share a bar."""
DENSITY_BINS = 48
SHOWN = 0.995
"""The share of crystals that a histogram or a density spans on each side; how many lie beyond is said beside it."""
LARGEST = 32_767


@dataclass(frozen=True, eq=False)
class CrystalGroups:
    """Crystals by element or by band of the target; a crystal may be in several groups, or in none."""

    names: tuple[str, ...]
    members: csr_matrix
    """(G, n) 1 where the crystal is in the group."""
    texts: tuple[str, ...] = ()
    """Which groups crystals are in, in words, each combination once; "" for none."""
    text_of: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """(n,) number of the text of each crystal."""

    @property
    def counts(self) -> np.ndarray:
        """(G,) crystals of each group."""
        return np.asarray(self.members.sum(axis=1)).ravel().astype(int)

    def means(self, errors: np.ndarray) -> np.ndarray:
        """(G, M) mean over the crystals of each group of (n, M) errors; NaN for an empty group."""
        with np.errstate(invalid="ignore"):
            return (self.members @ errors) / self.counts[:, None]


def rounded(value: float | None, digits: int = 5) -> float | None:
    """Significant digits that a page can show; None for what is no number."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.{digits}g}")


def numbers(values: np.ndarray) -> list[float | None]:
    """The same of many."""
    return [rounded(value) for value in values.tolist()]


def packed(values: np.ndarray, kind: str) -> str:
    """Base64 of little-endian numbers, `kind` as NumPy writes it: "<f4", "<i2", "<u2" or "<u4"."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def quantised(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed errors (n, M) as 16-bit integers q with scale (M,) and step (M,): error = scale · sinh(q · step).

    A linear scale would lose every small error of a model with one huge one. This is linear below the median error and
    logarithmic above, so each error keeps three digits or more, or is below a millionth of the largest.
    """
    absolute = np.abs(errors)
    most = absolute.max(axis=0)
    scale = np.maximum(np.median(absolute, axis=0), 1e-6 * most)
    scale = np.where(scale > 0, scale, 1.0)
    step = np.where(most > 0, np.arcsinh(most / scale), 1.0) / LARGEST
    return np.rint(np.arcsinh(errors / scale) / step).astype(np.int16), scale, step


def histograms(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of signed errors (n, M): half the width of each histogram (M,), and counts (M, HISTOGRAM_BINS)."""
    half = np.quantile(np.abs(errors), SHOWN, axis=0)
    half = np.where(half > 0, half, 1.0)
    return half, _counted(_places(errors, -half, half, HISTOGRAM_BINS), HISTOGRAM_BINS)


def densities(targets: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crystals by target and prediction (n, M): the range (M, 2) that both axes share, and counts (M, DENSITY_BINS²).

    The first index of the counts is the prediction's.
    """
    tails = [1 - SHOWN, SHOWN]
    low, high = np.quantile(values, tails, axis=0)
    of_targets = np.quantile(targets, tails)
    low, high = np.minimum(low, of_targets[0]), np.maximum(high, of_targets[1])
    high = np.where(high > low, high, low + 1)
    x, y = (_places(columns, low, high, DENSITY_BINS) for columns in (targets[:, None], values))
    outside = (x < 0) | (x == DENSITY_BINS) | (y < 0) | (y == DENSITY_BINS)
    return np.column_stack([low, high]), _counted(np.where(outside, -1, y * DENSITY_BINS + x), DENSITY_BINS**2)


def _places(values: np.ndarray, low: np.ndarray, high: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each of (n, M) values, -1 and `bins` outside; the last bin is closed on both sides, as NumPy's is."""
    places = np.clip(np.floor((values - low) / (high - low) * bins), -1, bins).astype(np.int32)
    return np.where(values == high, bins - 1, places)


def _counted(place: np.ndarray, bins: int) -> np.ndarray:
    """(M, bins) how often each bin occurs in the columns of (n, M); what is outside is not counted."""
    n_models = place.shape[1]
    inside = (place >= 0) & (place < bins)
    flat = (place + bins * np.arange(n_models))[inside]
    return np.bincount(flat, minlength=bins * n_models).reshape(n_models, bins)


def bands(targets: np.ndarray) -> tuple[np.ndarray, CrystalGroups]:
    """Bands of the target with about equally many crystals: edges (B + 1,) and who is in them; fewer where values repeat."""
    edges = np.unique(np.quantile(targets, np.linspace(0, 1, BANDS + 1)))
    place = np.searchsorted(edges[1:-1], targets, side="right")
    members = csr_matrix(
        (np.ones(len(targets)), (place, np.arange(len(targets)))), shape=(max(1, len(edges) - 1), len(targets))
    )
    return edges, CrystalGroups(tuple(map(str, range(members.shape[0]))), members)


def by_element(ids: np.ndarray, compositions: pd.DataFrame | None) -> CrystalGroups | None:
    """Crystals by the elements they hold; None where the composition of none is known.

    Args:
        ids: (n,) of the crystals.
        compositions: columns id and elements, a tuple of symbols.
    """
    if compositions is None:
        return None
    rows = pd.Index(compositions["id"]).get_indexer(pd.Index(ids))
    if not (rows >= 0).any():
        return None
    codes, texts = pd.factorize(compositions["elements"].map(" ".join))
    split = [text.split() for text in texts]
    symbols = sorted({symbol for held in split for symbol in held})
    number = {symbol: index for index, symbol in enumerate(symbols)}
    lengths = np.array([len(set(held)) for held in split])
    flat = np.array([number[symbol] for held in split for symbol in sorted(set(held))], dtype=np.int64)
    table = csr_matrix((np.ones(len(flat)), flat, np.concatenate([[0], np.cumsum(lengths)])), shape=(len(split), len(symbols)))
    known = np.flatnonzero(rows >= 0)
    placed = csr_matrix((np.ones(len(known)), (known, codes[rows[known]])), shape=(len(ids), len(split)))
    members = (placed @ table).T.tocsr()
    present = np.flatnonzero(np.asarray(members.sum(axis=1)).ravel())
    used, text_of = np.unique(np.where(rows >= 0, codes[rows], -1), return_inverse=True)
    return CrystalGroups(
        names=tuple(symbols[i] for i in present),
        members=members[present],
        texts=tuple("" if code < 0 else str(texts[code]) for code in used),
        text_of=text_of,
    )


def group_details(
    predictions: GroupPredictions, answers: Sequence[PairAnswer], elements: CrystalGroups | None
) -> dict[str, Any]:
    """What all models of a comparison group share: crystals, groups, and what tells each pair apart."""
    edges, in_bands = bands(predictions.targets)
    return {
        "crystals": len(predictions.ids),
        "ids": predictions.ids.tolist(),
        "targets": packed(predictions.targets, "<f4"),
        "folds": packed(predictions.folds, "<u2"),
        "bands": {"edges": numbers(edges), "counts": in_bands.counts.tolist()},
        "elements": elements and {"symbols": elements.names, "counts": elements.counts.tolist()},
        "held": elements and {"texts": elements.texts, "by": packed(elements.text_of, "<u4")},
        "pairs": pairs_details(predictions, answers),
    }


def model_details(predictions: GroupPredictions, elements: CrystalGroups | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and details of each model of a comparison group."""
    errors = predictions.values - predictions.targets[:, None]
    absolute = np.abs(errors)
    packed_errors, scale, step = quantised(errors)
    half, bars = histograms(errors)
    of_bands = bands(predictions.targets)[1].means(absolute)
    of_elements = elements.means(absolute) if elements else None
    dense = densities(predictions.targets, predictions.values) if len(errors) > FEW else None
    for m, label in enumerate(predictions.labels):
        yield (
            label,
            {
                "label": label,
                "errors": packed(packed_errors[:, m], "<i2"),
                "scale": rounded(scale[m], 9),
                "step": rounded(step[m], 9),
                "histogram": {"half": rounded(half[m]), "counts": bars[m].tolist()},
                "density": dense and {"range": numbers(dense[0][m]), "counts": packed(dense[1][m], "<u4")},
                "bands": numbers(of_bands[:, m]),
                "elements": None if of_elements is None else numbers(of_elements[:, m]),
            },
        )


def pairs_details(predictions: GroupPredictions, answers: Sequence[PairAnswer]) -> dict[str, list[Any]]:
    """Columns over the pairs of models; `wins` and `losses` count crystals on which the better one's loss is less, and more."""
    number = {label: m for m, label in enumerate(predictions.labels)}
    wins = won(predictions.losses)
    places = [(number[answer.lower], number[answer.higher]) for answer in answers]
    return {
        "better": [answer.lower for answer in answers],
        "worse": [answer.higher for answer in answers],
        "verdict": [verdict_text(answer) for answer in answers],
        "open": [open_text(answer) for answer in answers],
        "command": [answer.command for answer in answers],
        "wins": [int(wins[b, w]) for b, w in places],
        "losses": [int(wins[w, b]) for b, w in places],
    }


def won(errors: np.ndarray) -> np.ndarray:
    """(M, M) on how many crystals the first model has a smaller loss than the second, of (n, M) losses."""
    columns = np.ascontiguousarray(errors.T)
    return np.array([(row < columns).sum(axis=1) for row in columns])
