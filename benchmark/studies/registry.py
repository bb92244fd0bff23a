"""Name → study: what it runs, what it sees, and how its records become pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmark.studies.ablation import page as ablation_pages
from benchmark.studies.ablation.study import ABLATION
from benchmark.studies.depth import page as depth_pages
from benchmark.studies.depth.study import DEPTH
from benchmark.studies.epochs import page as epochs_pages
from benchmark.studies.epochs.study import EPOCHS, History
from benchmark.studies.latent_space import page as latent_pages
from benchmark.studies.latent_space.study import LATENT, Latent
from benchmark.studies.layers import LayerReport
from benchmark.studies.learning_curve import page as learning_pages
from benchmark.studies.learning_curve.study import LEARNING_CURVE
from benchmark.studies.sensitivity import page as sensitivity_pages
from benchmark.studies.sensitivity.study import SENSITIVITY
from benchmark.studies.study import Study, Trial


@dataclass(frozen=True)
class Registered:
    """A study with its pages."""

    study: Study
    seen: type[BaseModel] | None
    """As what the observer's files are read."""
    write_pages: Callable[[Iterable[Trial], Path], list[Path]]
    json_rows: Callable[[Iterable[Trial]], list[dict[str, Any]]]


STUDIES = {
    LEARNING_CURVE.name: Registered(LEARNING_CURVE, None, learning_pages.write_pages, learning_pages.json_rows),
    DEPTH.name: Registered(DEPTH, LayerReport, depth_pages.write_pages, depth_pages.json_rows),
    EPOCHS.name: Registered(EPOCHS, History, epochs_pages.write_pages, epochs_pages.json_rows),
    LATENT.name: Registered(LATENT, Latent, latent_pages.write_pages, latent_pages.json_rows),
    ABLATION.name: Registered(ABLATION, LayerReport, ablation_pages.write_pages, ablation_pages.json_rows),
    SENSITIVITY.name: Registered(SENSITIVITY, None, sensitivity_pages.write_pages, sensitivity_pages.json_rows),
}
