"""What int8 weights and short windows cost and what they give: F1, labels and time beside fp32, beside other lengths."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from transformers import AutoTokenizer

from . import binary, corpora, int8, peers, score, tiny
from .document import Document
from .export import export, fuse, write
from .recipe import Recipe
from .train import train

RECIPES = Path(__file__).parents[1] / "recipes"
LENGTHS = (30, 62, 94, 126, 190, 254, 510)
WINDOW = 128  # tokens, special ones counted
HIDDEN, LAYERS = 128, 3  # of the small models


def of_folds(data: Path, charthand: Path, folds: Path) -> list[dict]:
    """Compares the ways to quantise the default model: strict micro F1 on what each fold's model has not seen, the mean over all
    folds, and the time that a model takes for all of it."""
    recipe = Recipe.read(RECIPES / "default.yaml")
    rows: dict[str, list[tuple[dict, float]]] = {}
    for fold in range(corpora.fold_count(recipe)):
        trained = folds / f"fold-{fold}" / "trained"
        held_back = _held_back(recipe, data, fold)
        for name, model in _variants(trained, data):
            rows.setdefault(name, []).append(_measure(charthand, model, held_back))
    return _means("weights", rows)


def of_windows(data: Path, charthand: Path, folds: Path) -> list[dict]:
    """Compares lengths of windows, in tokens, for the default model: strict micro F1 on what each fold's model has not seen, the
    mean over all folds, and the time that it takes."""
    recipe = Recipe.read(RECIPES / "default.yaml")
    rows: dict[int, list[tuple[dict, float]]] = {}
    for fold in range(corpora.fold_count(recipe)):
        held_back = _held_back(recipe, data, fold)
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder)
            export(folds / f"fold-{fold}" / "trained", model, quantise=True)
            settings = json.loads((model / "charthand.json").read_text(encoding="utf-8"))
            for length in LENGTHS:
                settings["window"] = {"tokens": length, "overlap": (length + 2) // 4}
                (model / "charthand.json").write_text(json.dumps(settings), encoding="utf-8")
                rows.setdefault(length, []).append(_measure(charthand, model, held_back))
    return _means("window", rows)


def _held_back(recipe: Recipe, data: Path, fold: int | None) -> dict[str, list[Document]]:
    """Gives what a recipe's model has not seen, by corpus."""
    held_back = {corpus.path: corpora.read_split(corpus, data, recipe.seed, fold)[1] for corpus in recipe.corpora}
    return {path: documents for path, documents in held_back.items() if documents}


def _means(what: str, rows: dict[object, list[tuple[dict, float]]]) -> list[dict]:
    return [
        {what: name, "seconds": sum(seconds for _, seconds in measured)}
        | {path: statistics.mean(f1[path] for f1, _ in measured) for path in measured[0][0]}
        for name, measured in rows.items()
    ]


def of_small(data: Path, charthand: Path) -> list[dict]:
    """Trains a small model of each architecture on MACCROBAT from random weights, and compares it in fp32 and int8: strict micro F1
    on the reports held back. It shows that int8 is right for each architecture, not what it costs a large pretrained model."""
    recipe = Recipe.read(RECIPES / "from-scratch.yaml")
    corpus = recipe.corpora[0]
    rows = []
    for architecture in tiny.ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            trained = Path(folder) / "trained"
            base = tiny.encoder(architecture, Path(folder) / "base", vocabulary=1000, hidden=HIDDEN, layers=LAYERS)
            train(recipe, data, trained, base=str(base))
            held_back = _held_back(recipe, data, None)
            f1 = {name: _measure(charthand, model, held_back)[0][corpus.path] for name, model in _variants(trained, data, ("fp32", "dynamic"))}
        rows.append({"architecture": architecture, "fp32": f1["fp32"], "int8": f1["dynamic"], "lost": f1["fp32"] - f1["dynamic"]})
    return rows


def of_base(data: Path, count: int = 20) -> list[dict]:
    """Compares models of base size with random weights: how many tokens of `count` windows get the same label in int8."""
    rows = []
    for size in peers.SIZES:
        with tempfile.TemporaryDirectory() as folder:
            trained = Path(folder) / "trained"
            peers.make(size, trained, outside=0)
            labels, read = {}, windows(trained, data, count)
            for name, model in _variants(trained, data, ("fp32", "dynamic")):
                session = onnxruntime.InferenceSession(str(model / "model.onnx"))
                labels[name] = np.concatenate([session.run(None, {"input_ids": ids})[0][0].argmax(-1) for ids in read])
        rows.append({"size": size, "tokens": len(labels["fp32"]), "agreement": float((labels["fp32"] == labels["dynamic"]).mean())})
    return rows


def of_runs(data: Path) -> list[dict]:
    """Compares ways to run the default model: how many threads a run has, how many runs there are at once, and how many windows are
    put into one, side by side and filled up to the longest (sorted by length, so there is little to fill); microseconds for each
    token that is not filling."""
    by_length = sorted(windows(peers.DEFAULT, data, 240), key=lambda ids: ids.shape[1])
    tokens = sum(ids.shape[1] for ids in by_length)
    rows = []
    for threads, runs, batch in ((1, 1, 1), (1, 2, 1), (1, 3, 1), (2, 1, 1), (2, 2, 1), (1, 2, 4), (1, 2, 8), (2, 1, 8)):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(peers.DEFAULT / "model.onnx"), options)
        batches = [_filled(by_length[i : i + batch]) for i in range(0, len(by_length), batch)]

        def once() -> float:
            began = time.perf_counter()
            with ThreadPoolExecutor(runs) as pool:
                list(pool.map(lambda ids: session.run(None, {"input_ids": ids}), batches))
            return time.perf_counter() - began

        seconds = statistics.median(once() for _ in range(5))
        rows.append({"threads": threads, "runs at once": runs, "windows in a run": batch, "µs a token": 1e6 * seconds / tokens})
    return rows


def _filled(windows: list[np.ndarray]) -> np.ndarray:
    longest = max(ids.shape[1] for ids in windows)
    return np.concatenate([np.pad(ids, ((0, 0), (0, longest - ids.shape[1]))) for ids in windows])


def windows(model: Path, data: Path, count: int) -> list[np.ndarray]:
    """Gives the beginnings of notes as token ids (1, tokens)."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    notes = random.Random(3).sample([n.text for n in corpora.read_notes(data, "mtsamples") if n.text.strip()], count)
    return [np.array([tokenizer(text, truncation=True, max_length=WINDOW)["input_ids"]], dtype=np.int64) for text in notes]


VARIANTS: dict[str, Callable[[Path, Path, list[np.ndarray]], None]] = {
    "fp32": lambda graph, out, _: shutil.copy(graph, out),
    "dynamic": lambda graph, out, _: int8.dynamic(graph, out),
    "dynamic, eight bits": lambda graph, out, _: int8.dynamic(graph, out, seven_bits=False),
    "dynamic, tables in fp32": lambda graph, out, _: int8.dynamic(graph, out, int8.MATRICES),
    "static": int8.static,
}


def _variants(trained: Path, data: Path, names=tuple(VARIANTS)):
    """Yields, for each way, its name and a folder with the model, which is there until the next."""
    with tempfile.TemporaryDirectory() as folder:
        fused, final, model = Path(folder) / "fused.onnx", Path(folder) / "final.onnx", Path(folder) / "model"
        fuse(trained, fused)
        sample = windows(trained, data, 60) if "static" in names else []
        for name in names:
            VARIANTS[name](fused, final, sample)
            write(final, trained, model)
            yield name, model


def _measure(charthand: Path, model: Path, held_back: dict[str, list[Document]]) -> tuple[dict[str, float], float]:
    seconds, f1 = 0.0, {}
    for path, documents in held_back.items():
        began = time.perf_counter()
        binary.annotate(charthand, model, [])  # its start does not count
        started = time.perf_counter()
        found = binary.annotate(charthand, model, documents)
        seconds += time.perf_counter() - started - (started - began)
        pairs = [(document.spans, [f.span for f in answer]) for document, answer in zip(documents, found, strict=True)]
        f1[path] = score.score(pairs).micro().f1
    return f1, seconds
