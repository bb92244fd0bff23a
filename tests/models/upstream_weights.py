"""Weights of MatDeepLearn's own networks, read into ours: the names and the splits differ, the numbers do not."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

RENAMED = (
    (r"^pre_lin_list(_N)?\.0\.", "embed."),
    (r"^pre_lin_list_E\.0\.", "embed_edges."),
    (r"^x_embed_list\.", "embed_atoms."),
    (r"^e_embed_list\.", "embed_edges."),
    (r"^u_embed_list\.", "embed_state."),
    (r"^post_lin_list\.", "head.layers."),
    (r"^lin_out\.", "head.out."),
    (r"^gru_list\.(\d+)\.(.*)_l0$", r"gates.\1.\2"),
    (r"^global_att_LAYER\.global_mlp\.2\.", "readout.score.out."),
    (r"^global_att_LAYER\.global_mlp\.", "readout.score.layers."),
    (r"^bn_list\.", "norms."),
    (r"^conv_list\.", "convs."),
    # inside a layer
    (r"\.conv\.nn\.0\.|\.mlp\.0\.", ".filter_in."),
    (r"\.conv\.nn\.2\.|\.mlp\.2\.", ".filter_out."),
    (r"\.conv\.lin1\.", ".sender."),
    (r"\.conv\.lin2\.", ".update_in."),
    (r"^(convs\.\d+)\.lin\.", r"\1.update_out."),
    (r"\.nn\.0\.", ".edge_in."),
    (r"\.nn\.2\.", ".edge_out."),
    (r"\.(edge|node|global)_model\.bn_list\.", r".\1.norms."),
    (r"\.(edge|node|global)_model\.\w+_mlp\.0\.", r".\1.first."),
    (r"\.(edge|node|global)_model\.\w+_mlp\.1\.", r".\1.second."),
    (r"\.node\.", ".atom."),
    (r"\.global\.", ".state."),
    (r"^(convs\.\d+)\.W$", r"\1.weight"),
    (r"^(convs\.\d+)\.att$", r"\1.attention"),
    (r"^(convs\.\d+)\.bn1\.", r"\1.norm."),
    (r"^(norms\.\d+|convs\.\d+\.\w+\.norms\.\d+)\.lin\.", r"\1.assign."),
)
"""Upstream's name → ours, applied in this order."""

DEAD = (r"^conv_list\.\d+\.bn\.", r"^global_att_LAYER\.bn_list\.")
"""What upstream allocates and never uses."""


def ours_from_upstream(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state of one of our networks from that of the same network of MatDeepLearn or deeperGATGNN, by upstream's names.

    Dead arrays are left out; CGCNN's two linear layers an edge become one; the attention vectors lose a unit axis.
    """
    found: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if any(re.search(pattern, name) for pattern in DEAD):
            continue
        for pattern, ours in RENAMED:
            name = re.sub(pattern, ours, name)
        found[name] = array[0] if name.endswith(".attention") else array
    for gate in [name for name in found if ".lin_f." in name]:
        pair = found.pop(gate), found.pop(gate.replace(".lin_f.", ".lin_s."))
        found[gate.replace(".lin_f.", ".linear.")] = np.concatenate(pair)
    # GATGNN's last layer is its head.
    if "embed_edges.weight" in found:
        found |= {f"head.{part}": found.pop(f"head.out.{part}") for part in ("weight", "bias")}
    return found
