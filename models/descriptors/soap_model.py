"""What models on the averaged SOAP descriptor share: the description, and the elements that they were fitted on."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from ase.data import chemical_symbols

from datasets.compact_cells import compact
from datasets.crystals import Crystals
from datasets.errors import InputError
from models.contract import Model
from models.descriptors.soap import SoapSettings, SoapTable, columns_of, soap_table

S = TypeVar("S", bound=SoapSettings)


class SoapModel(Model[S, SoapTable]):
    """A model on descriptors; its columns are those of the pairs of elements of the training crystals.

    Of a test crystal with another element only these columns are read, as if the atoms of that element stood there unseen: a
    fold needs a prediction of each of its crystals, as graph networks give one. Crystals that are prepared after `fit` are a
    user's own, and refused where they have such an element.
    """

    def __init__(self, settings: S, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self.species = np.empty(0, dtype=np.int64)

    @classmethod
    def refused(cls, settings: S, crystals: Crystals) -> dict[int, str]:
        """Those whose neighbours cannot be searched."""
        return compact(crystals, settings.r_cut).refused

    def prepare(self, crystals: Crystals) -> SoapTable:
        """Describe the crystals, periodic in the directions of `pbc`; cached by structures, settings and code.

        Raises:
            InputError: a descriptor is not finite, or, after `fit`, an element is not among those of the training crystals.
        """
        self._require_species(crystals)
        return soap_table(crystals, self.settings)

    def preparation_seconds(self, inputs: SoapTable) -> float:
        """Time of the description."""
        return inputs.seconds

    def _features(self, inputs: SoapTable) -> sp.csr_array:
        """(n, F) float32 descriptors in the columns of the fitted species."""
        return inputs.matrix[:, columns_of(self.species, self.settings)]

    def _require_species(self, crystals: Crystals) -> None:
        unknown = ~np.isin(crystals.atomic_numbers, self.species)
        if len(self.species) and unknown.any():
            atom = int(unknown.argmax())
            row = crystals.row_of(atom)
            raise InputError(
                f"crystal '{crystals.ids[row]}': the model was fitted without the element "
                f"{chemical_symbols[crystals.atomic_numbers[atom]]}; remove the crystal or fit on a set that has it"
            )
