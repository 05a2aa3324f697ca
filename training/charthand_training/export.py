"""Exports a fine-tuned model to the folder that charthand loads: config, tokenizer, one ONNX graph, charthand.json."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # before the library is opened

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import AutoModelForTokenClassification, AutoTokenizer

KEPT = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "held-back.json",
    "training-log.json",
)

QUANTISED = ["MatMul", "Attention", "Gather", "EmbedLayerNormalization"]


class LogitsOnly(torch.nn.Module):
    """The model as a function of its tensors, in the order of `names`, which are the graph's inputs."""

    def __init__(self, model: torch.nn.Module, names: list[str]):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *tensors):
        return self.model(**dict(zip(self.names, tensors, strict=True))).logits


def export(model_folder: Path, out: Path, quantise: bool, calibration: dict | None = None) -> None:
    """Writes `out`. With `quantise` the weights are int8, one scale a column, seven bits of range. `calibration` is what
    `calibrate` found: the settings of the scores, which go into charthand.json.

    Seven bits, because processors without VNNI add two products of eight bits into sixteen and saturate: with the whole
    range the answers would differ from machine to machine.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = AutoModelForTokenClassification.from_pretrained(model_folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    example = tokenizer("A note of a few words .", return_tensors="pt")
    names = ["input_ids", "attention_mask"]
    if getattr(model.config, "type_vocab_size", 0) > 0:
        names.append("token_type_ids")
    inputs = tuple(example.get(name, torch.zeros_like(example["input_ids"])) for name in names)
    with tempfile.TemporaryDirectory() as scratch:
        plain, fused, final = (Path(scratch) / f"{name}.onnx" for name in ("plain", "fused", "final"))
        axes = {0: "batch", 1: "tokens"}
        torch.onnx.export(
            LogitsOnly(model, names),
            inputs,
            str(plain),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: axes for name in [*names, "logits"]},
            opset_version=17,
            dynamo=False,
        )
        config = model.config
        optimised = optimizer.optimize_model(
            str(plain), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=1
        )
        print("fused:", {k: v for k, v in optimised.get_fused_operator_statistics().items() if v})
        optimised.save_model_to_file(str(fused))
        if quantise:
            quantize_dynamic(
                str(fused),
                str(final),
                op_types_to_quantize=QUANTISED,
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        else:
            shutil.copy(fused, final)
        graph = onnx.load(str(final))
        # Nothing of the machine that exports goes into the file.
        graph.doc_string = ""
        for node in graph.graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        onnx.checker.check_model(graph)
        onnx.save(graph, str(out / "model.onnx"))
    for name in KEPT:
        if (model_folder / name).exists():
            shutil.copy(model_folder / name, out / name)
    if not (out / "tokenizer.json").exists():  # the model came with its vocabulary alone
        tokenizer.save_pretrained(out)
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    # A model that was not trained here has none, and is run as the pipeline runs it.
    own = model_folder / "charthand.json"
    settings = json.loads(own.read_text(encoding="utf-8")) if own.exists() else {}
    if calibration:
        settings["score"] = calibration["score"]
    if settings:
        (out / "charthand.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    print(f"{out / 'model.onnx'}: {(out / 'model.onnx').stat().st_size / 1e6:.1f} MB")
