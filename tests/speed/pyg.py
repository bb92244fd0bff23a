"""The networks as one writes them with PyTorch Geometric's own layers: the baseline of the training benchmarks.

Weights are taken over from ours, so that both compute the same function and a test can say so.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import (
    CGConv,
    DiffGroupNorm,
    MessagePassing,
    MetaLayer,
    global_add_pool,
    global_max_pool,
    global_mean_pool,
)
from torch_geometric.nn.models.schnet import InteractionBlock
from torch_geometric.utils import scatter, softmax

from models.graph.table import GraphTable


def as_data(network: nn.Module, table: GraphTable, rows: range, targets: Tensor) -> list[Data]:
    """One PyG graph a crystal, with atom and edge features as our network computes them, as PyG's users store them."""
    graphs = []
    for row in rows:
        batch = table.cut(torch.tensor([row]))
        longest = getattr(network, "longest", torch.ones(()))
        graphs.append(
            Data(
                x=network.atom_features(batch),
                z=batch.atomic_numbers,
                edge_index=torch.stack([batch.src, batch.dst]),
                edge_weight=batch.distance,
                edge_attr=network.expansion(batch.distance / longest.float()),
                y=targets[row : row + 1].float(),
            )
        )
    return graphs


def plain(norm: nn.BatchNorm1d) -> nn.BatchNorm1d:
    """torch's own batch norm with the weights and the statistics of ours, which also knows copies of rows."""
    found = nn.BatchNorm1d(norm.num_features)
    found.load_state_dict(norm.state_dict())
    return found


class Head(nn.Module):
    """The layers after the readout, ours as they are."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.layers, self.out = ours.layers, ours.out

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.out(x).squeeze(-1)


class GatedConv(CGConv):
    """CGConv with the normalisation that the original CGCNN has inside."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__(channels, dim, aggr="add")
        self.inner = nn.BatchNorm1d(2 * channels)

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        z = torch.cat([x_i, x_j, edge_attr], dim=-1)
        gate, core = self.inner(torch.cat([self.lin_f(z), self.lin_s(z)], dim=-1)).chunk(2, dim=-1)
        return gate.sigmoid() * F.softplus(core)


class CGCNN(nn.Module):
    """The original CGCNN."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.ours = ours
        width, dim = ours.embedding.out_features, len(ours.expansion.centres)
        self.convs = nn.ModuleList(GatedConv(width, dim) for _ in ours.convs)
        self.norms = nn.ModuleList(plain(conv.bn2) for conv in ours.convs)
        for conv, source in zip(self.convs, ours.convs, strict=True):
            take_gates(conv, source.fc_full)
            conv.inner.load_state_dict(source.bn1.state_dict())

    def forward(self, data: Data) -> Tensor:
        x = self.ours.embedding(data.x)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.softplus(x + norm(conv(x, data.edge_index, data.edge_attr) - x))
        hidden = F.softplus(self.ours.conv_to_fc(F.softplus(global_mean_pool(x, data.batch))))
        return self.ours.fc_out(hidden).squeeze(-1)


def take_gates(conv: CGConv, linear: nn.Linear) -> None:
    """CGConv's two linear layers from our one."""
    weights, biases = linear.weight.detach().chunk(2), linear.bias.detach().chunk(2)
    for target, weight, bias in zip((conv.lin_f, conv.lin_s), weights, biases, strict=True):
        target.load_state_dict({"weight": weight, "bias": bias})


class CGCNNMDL(nn.Module):
    """CGCNN of MatDeepLearn: CGConv, mean over neighbours."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.embed, self.head = ours.embed, Head(ours.head)
        self.norms = nn.ModuleList(map(plain, ours.norms))
        self.convs = nn.ModuleList(CGConv(ours.embed.out_features, dim=50, aggr="mean") for _ in ours.convs)
        for conv, source in zip(self.convs, ours.convs, strict=True):
            take_gates(conv, source.linear)

    def forward(self, data: Data) -> Tensor:
        x = F.relu(self.embed(data.x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x, data.edge_index, data.edge_attr))
        return self.head(global_mean_pool(x, data.batch))


class SchNet(nn.Module):
    """SchNet of MatDeepLearn: PyG's own InteractionBlock, which holds its CFConv."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.embed, self.head = ours.embed, Head(ours.head)
        self.norms = nn.ModuleList(map(plain, ours.norms))
        width, filters = ours.embed.out_features, ours.convs[0].sender.out_features
        self.convs = nn.ModuleList(InteractionBlock(width, 50, filters, ours.convs[0].cutoff) for _ in ours.convs)
        for conv, source in zip(self.convs, ours.convs, strict=True):
            pairs = ((conv.mlp[0], source.filter_in), (conv.mlp[2], source.filter_out), (conv.conv.lin1, source.sender),
                     (conv.conv.lin2, source.update_in), (conv.lin, source.update_out))  # fmt: skip
            for theirs, mine in pairs:
                theirs.load_state_dict(mine.state_dict())

    def forward(self, data: Data) -> Tensor:
        x = F.relu(self.embed(data.x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(x + conv(x, data.edge_index, data.edge_weight, data.edge_attr))
        return self.head(global_max_pool(x, data.batch))


class AttentionConv(MessagePassing):
    """GATGNN's layer: [x_i, e] W and [x_j, e] W, attention over the heads, mean over heads."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.heads, self.width = source.heads, source.width
        self.weight, self.attention, self.bias = source.weight, source.attention, source.bias
        self.norm = plain(source.norm)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, edge_attr=edge_attr) + self.bias

    def message(self, edge_index: Tensor, x_i: Tensor, x_j: Tensor, edge_attr: Tensor, size_i: int) -> Tensor:
        own, other = (
            F.softplus(torch.cat([end, edge_attr], dim=-1) @ self.weight).view(-1, self.heads, self.width) for end in (x_i, x_j)
        )
        alpha = F.softplus((torch.cat([own, other], dim=-1) * self.attention).sum(dim=-1))
        alpha = softmax(F.softplus(self.norm(alpha)), edge_index[1], num_nodes=size_i)
        return (other * alpha.unsqueeze(-1)).mean(dim=1)


class DeeperGATGNN(nn.Module):
    """DeeperGATGNN with PyG's DiffGroupNorm."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.ours = ours
        self.convs = nn.ModuleList(AttentionConv(conv) for conv in ours.convs)
        self.norms = nn.ModuleList(DiffGroupNorm(norm.assign.in_features, 10, lamda=norm.weight) for norm in ours.norms)
        for norm, source in zip(self.norms, ours.norms, strict=True):
            norm.lin.load_state_dict(source.assign.state_dict())
            norm.norm.load_state_dict(source.norm.state_dict())

    def forward(self, data: Data) -> Tensor:
        x, e = F.leaky_relu(self.ours.embed(data.x), 0.2), F.leaky_relu(self.ours.embed_edges(data.edge_attr), 0.2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x, data.edge_index, e)) + x
        composition = global_mean_pool(F.one_hot(data.z, 119)[:, : self.ours.readout.n_elements].to(x.dtype), data.batch)
        score = self.ours.readout.score(torch.cat([x, composition[data.batch]], dim=-1))
        weights = softmax(score, data.batch).unsqueeze(-1)
        return self.ours.head(global_add_pool(weights * x, data.batch)).squeeze(-1)


class Update(nn.Module):
    """Linear → ReLU → BatchNorm, twice."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([source.first, source.second])
        self.norms = nn.ModuleList(map(plain, source.norms))

    def forward(self, *parts: Tensor) -> Tensor:
        x = torch.cat(parts, dim=-1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(F.relu(layer(x)))
        return x


class EdgeModel(nn.Module):
    """e' = φ_e[x_i, x_j, e, u]."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.update = Update(source)

    def forward(self, src: Tensor, dst: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Tensor:
        return self.update(dst, src, edge_attr, u[batch])


class NodeModel(nn.Module):
    """x' = φ_v[x, mean e', u]."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.update = Update(source)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Tensor:
        return self.update(x, scatter(edge_attr, edge_index[1], dim=0, dim_size=len(x), reduce="mean"), u[batch])


class GlobalModel(nn.Module):
    """u' = φ_u[mean over atoms of mean e', mean x', u]."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.update = Update(source)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Tensor:
        incoming = scatter(edge_attr, edge_index[1], dim=0, dim_size=len(x), reduce="mean")
        pooled = (scatter(part, batch, dim=0, dim_size=len(u), reduce="mean") for part in (incoming, x))
        return self.update(*pooled, u)


class MEGNet(nn.Module):
    """MEGNet of MatDeepLearn: PyG's MetaLayer."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.ours = ours
        self.blocks = nn.ModuleList(
            MetaLayer(EdgeModel(conv.edge), NodeModel(conv.atom), GlobalModel(conv.state)) for conv in ours.convs
        )

    def forward(self, data: Data) -> Tensor:
        ours, head = self.ours, self.ours.head
        x, e, u = F.relu(ours.embed(data.x)), data.edge_attr, data.edge_attr.new_zeros(data.num_graphs, 3)
        for number, block in enumerate(self.blocks):
            embedded = ours.embed_atoms[number](x), ours.embed_edges[number](e), ours.embed_state[number](u)
            kept = (x, e, u) if number else embedded
            x, e, u = (
                new + old for new, old in zip(block(embedded[0], data.edge_index, *embedded[1:], data.batch), kept, strict=True)
            )
        incoming = scatter(e, data.edge_index[1], dim=0, dim_size=len(x), reduce="mean")
        return head(torch.cat([global_mean_pool(x, data.batch), global_mean_pool(incoming, data.batch), u], dim=-1))


NETWORKS = {
    "cgcnn": CGCNN, "cgcnn-mdl": CGCNNMDL, "schnet": SchNet, "deeper-gatgnn": DeeperGATGNN, "megnet-mdl": MEGNet,
}  # fmt: skip
"""Our model → the same network in PyG."""
