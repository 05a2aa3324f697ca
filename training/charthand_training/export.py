"""Exports a fine-tuned model to the folder that charthand loads: config, tokenizer, one ONNX graph, charthand.json."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from . import inference, int8

KEPT = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "held-back.json",
    "training-log.json",
)


class LogitsOnly(torch.nn.Module):
    """The model as a function of its tensors, in the order of `names`, which are the graph's inputs."""

    def __init__(self, model: torch.nn.Module, names: list[str]):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *tensors):
        return self.model(**dict(zip(self.names, tensors, strict=True))).logits


def export(model_folder: Path, out: Path, quantise: bool, calibration: dict | None = None) -> None:
    """Writes `out`, with weights in int8 where `quantise` says so. `calibration` is what `calibrate` found: the settings of the
    scores, which go into charthand.json."""
    with tempfile.TemporaryDirectory() as scratch:
        plain, final = Path(scratch) / "fused.onnx", Path(scratch) / "final.onnx"
        fuse(model_folder, plain)
        if quantise:
            int8.dynamic(plain, final)
            _compare(model_folder, final, _logits(plain, EXAMPLE), EXAMPLE, INT8_ERROR)
        write(final if quantise else plain, model_folder, out, calibration)


def load(model_folder: Path) -> torch.nn.Module:
    """Reads a token classifier as Transformers has it, in fp32."""
    return AutoModelForTokenClassification.from_pretrained(model_folder, attn_implementation="eager", dtype=torch.float32).eval()


def fuse(model_folder: Path, out: Path) -> None:
    """Writes the graph of a model as inference runs it, in fp32; a model that it would answer otherwise than is a ValueError."""
    model = inference.load(model_folder)
    with tempfile.TemporaryDirectory() as scratch:
        traced = Path(scratch) / "traced.onnx"
        trace(model, ["input_ids"], traced)
        inference.fuse(traced, model.config, out)
    trained = load(model_folder)
    longest = trained.config.max_position_embeddings - 2  # RoBERTa's begin after the padding's
    for length in (3, 50, min(510, longest)):
        ids = np.random.default_rng(1).integers(trained.config.vocab_size, size=(1, length))
        with torch.no_grad():
            expected = trained(torch.from_numpy(ids)).logits.numpy()
        _compare(model_folder, out, expected, ids, FP32_ERROR)


# What an exported graph may be off the model on average, in standard deviations of the model's logits.
FP32_ERROR, INT8_ERROR = 1e-3, 0.5
EXAMPLE = np.arange(10, 60).reshape(1, -1)


def _compare(model: Path, graph: Path, expected: np.ndarray, ids: np.ndarray, most: float) -> None:
    error = np.abs(_logits(graph, ids) - expected).mean() / expected.std()
    if not error <= most:
        raise ValueError(f"{model}: the exported graph does not answer as the model ({error:.2g} standard deviations off)")


def _logits(graph: Path, ids: np.ndarray) -> np.ndarray:
    try:
        return onnxruntime.InferenceSession(str(graph)).run(None, {"input_ids": ids})[0]
    except Exception as error:  # the runtime's own have no class in common
        raise ValueError(f"the exported graph does not run: {error}") from error


def trace(model: torch.nn.Module, names: list[str], path: Path) -> None:
    """Writes a model as the graph that it is in PyTorch, for any number of texts and tokens; `names` are its inputs."""
    example = torch.arange(10, 22).reshape(1, -1)  # twelve tokens
    values = {"input_ids": example, "attention_mask": torch.ones_like(example), "token_type_ids": torch.zeros_like(example)}
    torch.onnx.export(
        LogitsOnly(model, names),
        tuple(values[name] for name in names),
        str(path),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "logits"]},
        opset_version=17,
        dynamo=False,
    )


def write(graph_file: Path, model_folder: Path, out: Path, calibration: dict | None = None) -> None:
    """Writes a graph and what charthand needs beside it to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    graph = onnx.load(str(graph_file))
    # Nothing of the machine that exports goes into the file.
    graph.doc_string = ""
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, str(out / "model.onnx"))
    for name in KEPT:
        if (model_folder / name).exists() and out.resolve() != model_folder.resolve():
            shutil.copy(model_folder / name, out / name)
    if not (model_folder / "tokenizer.json").exists():  # the model came with its vocabulary alone
        AutoTokenizer.from_pretrained(model_folder).save_pretrained(out)
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
