"""Weights in eight bits: one scale for each column of a matrix, seven bits of range; one scale for a table, which nothing multiplies.

Seven bits, because processors without VNNI add two products of eight bits into sixteen and saturate: with the whole range the
answers would differ from machine to machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

EXTRA = {"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}
MATRICES = ["MatMul"]
TABLES = ["Gather", "EmbedLayerNormalization"]


def dynamic(graph: Path, out: Path, kinds: Iterable[str] = (*MATRICES, *TABLES), seven_bits: bool = True) -> None:
    """Quantises the weights; the scale of the activations is taken from each window anew. `kinds` are the operations whose weights
    they are."""
    quantize_dynamic(
        str(graph), str(out), list(kinds), per_channel=True, reduce_range=seven_bits, weight_type=QuantType.QInt8, extra_options=EXTRA
    )


def static(graph: Path, out: Path, windows: Iterable[np.ndarray]) -> None:
    """Quantises weights and activations; the scales of the activations are the ranges that the windows, token ids of shape
    (1, tokens), take."""

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(windows)

        def get_next(self):
            return next(({"input_ids": ids} for ids in self.left), None)

    with tempfile.TemporaryDirectory() as scratch:
        tables = Path(scratch) / "tables.onnx"
        dynamic(graph, tables, TABLES)
        quantize_static(
            str(tables),
            str(out),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=MATRICES,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=EXTRA,
        )
