"""How many parameters a network has at its published sizes, by depth: as data, since pages build no network. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Count(NamedTuple):
    """Parameters as a straight line in the number of layers."""

    fixed: int
    a_layer: int

    def at(self, layers: int) -> int:
        """Of a network with so many layers."""
        return self.fixed + self.a_layer * layers


OURS: Mapping[str, Count] = {
    "cgcnn": Count(14_401, 22_144),
    "cgcnn-mdl": Count(72_101, 50_400),
    "deeper-cgcnn": Count(72_101, 53_200),
    "deeper-gatgnn": Count(25_986, 35_272),
    "deeper-megnet": Count(47_201, 209_200),
    "deeper-mpnn": Count(41_901, 1_088_800),
    "deeper-schnet": Count(41_901, 73_500),
    "gatgnn": Count(22_434, 33_480),
    "gatgnn-mdl": Count(25_986, 33_480),
    "megnet": Count(11_857, 51_968),
    "megnet-mdl": Count(47_201, 192_400),
    "mpnn": Count(41_901, 1_086_000),
    "schnet": Count(41_901, 70_700),
}
"""Of our networks. A model that is not here has an empty cell on the depth study's page."""

PUBLISHED: Mapping[str, Count] = {
    **OURS,
    "cgcnn-mdl": Count(72_101, 50_600),
    "deeper-cgcnn": Count(72_101, 53_400),
    "deeper-gatgnn": Count(31_746, 35_272),
    "gatgnn": Count(33_711, 33_481),
    "gatgnn-mdl": Count(26_370, 33_480),
}
"""Of the published code, which allocates a few that it never uses."""
