"""Encoders as inference runs them: attention as one operation of ONNX Runtime, and nothing computed twice that is always the same.

The weights stay what they are, and so do the answers but for rounding. There is no attention mask: charthand runs each window
by itself, without padding.
"""

from __future__ import annotations

from pathlib import Path

import torch
from onnx import helper
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedConfig
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.deberta_v2.modeling_deberta_v2 import DebertaV2Encoder, DisentangledSelfAttention, make_log_bucket_position

OPERATION = "MultiHeadAttention"  # of the domain com.microsoft
TURNS = ("Reshape", "Transpose")
PLACES = 8  # which input of EmbedLayerNormalization has the tokens' places
ATTENTION = "charthand"  # what Transformers calls `attend`


class MultiHeadAttention(torch.autograd.Function):
    """Scaled dot-product attention over (batch, tokens, hidden), which the exporter writes as one operation."""

    @staticmethod
    def forward(ctx, query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float) -> Tensor:
        query, key, value = (_split(x, heads) for x in (query, key, value))
        return _join(torch.softmax(query @ key.transpose(-1, -2) * scale, dim=-1) @ value)

    @staticmethod
    def symbolic(g, query, key, value, heads, scale):
        output = g.op(f"com.microsoft::{OPERATION}", query, key, value, num_heads_i=heads, scale_f=scale)
        output.setType(query.type())
        return output


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None, **more
) -> tuple[Tensor, None]:
    """Is an attention function of Transformers: (batch, heads, tokens, size) in, (batch, tokens, heads, size) out. What not every
    token may see, or what else adds to the scores, is a ValueError."""
    lost = [name for name in ("sliding_window", "position_bias", "s_aux", "softcap") if more.get(name) is not None]
    if attention_mask is not None or lost:
        raise ValueError(f"attention with {', '.join(lost) or 'a mask'} is not supported")
    heads, size = int(query.shape[1]), int(query.shape[-1])
    output = MultiHeadAttention.apply(_join(query), _join(key), _join(value), heads, scaling or size**-0.5)
    return _split(output, heads).transpose(1, 2), None


ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)


def _split(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, hidden) to (batch, heads, tokens, size)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    """(batch, heads, tokens, size) to (batch, tokens, hidden)."""
    x = x.transpose(1, 2)
    return x.reshape(*x.shape[:2], -1)


class RelativeAttention(nn.Module):
    """DeBERTa's disentangled attention (He et al. 2021) with what depends on weights alone computed once: the projections of the
    relative positions, and which of them belongs to which distance.

    There are two tokens at least, the special ones. The scores of positions come by distance, (tokens, 2 tokens − 1); `_skew` turns them into scores by token.
    """

    def __init__(self, trained: DisentangledSelfAttention, relative: Tensor, longest: int):
        super().__init__()
        self.query, self.key, self.value = trained.query_proj, trained.key_proj, trained.value_proj
        self.heads, self.longest = trained.num_attention_heads, longest
        named = trained.pos_att_type
        self.scale = (trained.attention_head_size * (1 + ("c2p" in named) + ("p2c" in named))) ** -0.5
        kinds = named if trained.relative_attention else []
        rows = by_key = by_query = None
        if kinds:
            span = trained.pos_ebd_size
            distances = torch.arange(longest - 1, -longest, -1)
            if trained.position_buckets > 0:
                distances = make_log_bucket_position(distances, trained.position_buckets, trained.max_relative_positions).long()
            rows = (distances + span).clamp(0, 2 * span - 1)
            relative = relative[: 2 * span]
            with torch.no_grad():
                if "c2p" in kinds:
                    projected = (self.key if trained.share_att_key else trained.pos_key_proj)(relative)
                    by_key = _split(projected[None], self.heads)
                if "p2c" in kinds:
                    projected = (self.query if trained.share_att_key else trained.pos_query_proj)(relative)
                    by_query = _split(projected[None], self.heads) * self.scale
        self.register_buffer("rows", rows)
        self.register_buffer("by_key", by_key)
        self.register_buffer("by_query", by_query)

    def forward(self, hidden_states: Tensor, *_, **__) -> tuple[Tensor, None]:
        tokens = hidden_states.shape[1]
        query = _split(self.query(hidden_states), self.heads) * self.scale
        key = _split(self.key(hidden_states), self.heads)
        value = _split(self.value(hidden_states), self.heads)
        scores = query @ key.transpose(-1, -2)
        if self.rows is not None:
            rows = self.rows[self.longest - tokens : self.longest + tokens - 1]  # of the distances from tokens − 1 to 1 − tokens
        if self.by_key is not None:
            scores = scores + _skew(query @ self.by_key[:, :, rows].transpose(-1, -2))
        if self.by_query is not None:
            scores = scores + _skew(key @ self.by_query[:, :, rows.flip(0)].transpose(-1, -2)).transpose(-1, -2)
        return _join(torch.softmax(scores, dim=-1) @ value), None


def _skew(x: Tensor) -> Tensor:
    """Gives x[…, i, n − 1 − i + j] for all tokens i and j: the rows of (…, n, 2n − 1) moved beneath each other (Dai et al. 2019)."""
    batch, heads, n = x.shape[:3]
    x = x.reshape(batch, heads, n * (2 * n - 1))
    x = x[:, :, n - 1 : n - 1 + n * (2 * n - 2)]
    return x.reshape(batch, heads, n, 2 * n - 2)[:, :, :, :n]


def load(folder: Path) -> nn.Module:
    """Reads a token classifier with its attention replaced."""
    model = AutoModelForTokenClassification.from_pretrained(folder, attn_implementation=ATTENTION, dtype=torch.float32).eval()
    for encoder in [m for m in model.modules() if isinstance(m, DebertaV2Encoder)]:
        relative = encoder.get_rel_embedding()
        for layer in encoder.layer:
            layer.attention.self = RelativeAttention(layer.attention.self, relative, model.config.max_position_embeddings)
    for embeddings in model.modules():
        kinds = ("token_type_embeddings", "position_embeddings")
        if not all(isinstance(getattr(embeddings, kind, None), nn.Embedding) for kind in kinds):
            continue
        # Every token is of the first type: what that adds, its place can add.
        with torch.no_grad():
            embeddings.position_embeddings.weight += embeddings.token_type_embeddings.weight[0]
        embeddings.token_type_embeddings = Nothing()
    return model


class Nothing(nn.Module):
    """Embeds everything as zero, which the exporter leaves out."""

    def forward(self, ids: Tensor) -> float:
        return 0.0


def fuse(traced: Path, config: PreTrainedConfig, out: Path) -> None:
    """Puts operations of a traced graph together where ONNX Runtime has one for them, and computes what is constant."""
    graph = _optimise(traced, config, embeddings=True)
    if any(len(node.input) > PLACES and node.input[PLACES] for node in graph.get_nodes_by_op_type("EmbedLayerNormalization")):
        # The operation's int8 sibling takes no places but 0, 1, 2 …, and does not say so.
        graph = _optimise(traced, config, embeddings=False)
    _straighten(graph)
    _normalise_embeddings(graph)
    graph.prune_graph()
    print("fused:", {k: v for k, v in graph.get_fused_operator_statistics().items() if v})
    graph.save_model_to_file(str(out))


def _optimise(traced: Path, config: PreTrainedConfig, embeddings: bool) -> OnnxModel:
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = embeddings
    # It is one operation already.
    options.enable_attention = False
    # A bias costs nothing in a matrix product of int8, and the activation function without one is the faster kernel.
    options.enable_bias_gelu = False
    heads, hidden = config.num_attention_heads, config.hidden_size
    return optimizer.optimize_model(str(traced), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=1, optimization_options=options)


def _straighten(graph: OnnxModel) -> None:
    """Takes away what turns a projection's output to (heads, size) and back before and after each MultiHeadAttention."""
    producers, consumers = graph.output_name_to_node(), graph.input_name_to_nodes()
    for node in graph.get_nodes_by_op_type(OPERATION):
        for i, name in enumerate(node.input):
            while (before := producers.get(name)) and before.op_type in TURNS:
                name = before.input[0]
            node.input[i] = name
        last = node.output[0]
        while len(after := consumers.get(last, [])) == 1 and after[0].op_type in TURNS:
            last = after[0].output[0]
        graph.replace_input_of_all_nodes(last, node.output[0])


def _normalise_embeddings(graph: OnnxModel) -> None:
    """Lets the sum of embeddings be normalised by the operation that the layers have, which is several times faster."""
    producers = graph.output_name_to_node()
    for node in graph.get_nodes_by_op_type("LayerNormalization"):
        total = producers.get(node.input[0])
        if total is None or total.op_type != "Add" or any(graph.get_initializer(name) for name in total.input):
            continue
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        fused = helper.make_node(
            "SkipLayerNormalization", [*total.input, *node.input[1:]], list(node.output), node.name, domain="com.microsoft", epsilon=epsilon
        )
        graph.remove_node(node)
        graph.add_node(fused)
