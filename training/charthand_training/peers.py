"""How fast charthand reads notes beside Hugging Face's pipeline and beside hugot: the same notes, the same machine, in one run.

Speed does not ask what the weights are: models of base size have random ones, and the default model's tokenizer; so has the peers'
copy of the default model.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.transformers import optimizer
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast, pipeline

from . import binary, corpora, int8, tiny
from .document import Document
from .export import export, load, trace, write

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "models" / "default"
NATIVE = ROOT / "nlp" / "onnx" / "native" / "lib"
HUGOT = ROOT / "training" / "peers" / "hugot"
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}
DEBERTA = tiny.ARCHITECTURES["deberta-v2"] | {"position_buckets": 256}
SIZES = {  # the published ones, but for the vocabulary
    "default": {},
    "bert-base": BASE | {"model_type": "bert"},
    "albert-base": BASE | {"model_type": "albert", "embedding_size": 128},
    "deberta-v3-base": BASE | DEBERTA | {"model_type": "deberta-v2"},
}
# What is asked for, as a multiple of the peer.
ASKED = {"default": (9, 1.6, 5), "bert-base": (5, None, None), "albert-base": (5, None, None), "deberta-v3-base": (13, None, None)}
STRIDE = 32  # tokens that the pipeline's windows share, so that it too reads a note to its end; as many as charthand's
ALONE = 2000  # code points of a note that is read alone
SINGLES = 9  # such notes


PRODUCTS = {"DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLinear", "MatMulInteger"}  # of weights, in int8
TURNS = 4
ROUNDS = 3  # in which a single note is


def measure(size: str, data: Path, charthand: Path, count: int) -> tuple[list[dict], float]:
    """Gives, for a model of SIZES, notes a second and the time for one note alone, each with its ratio to the peer's; and what
    `product_share` gives."""
    notes = corpora.read_notes(data, "mtsamples")
    notes = random.Random(13).sample([n for n in notes if n.text.strip()], count)
    asked, asked_hugot, asked_alone = ASKED[size]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        trained, exported = Path(folder) / "trained", Path(folder) / "model"
        make(size, trained)
        run = pipeline(
            "token-classification",
            model=AutoModelForTokenClassification.from_pretrained(trained),
            tokenizer=AutoTokenizer.from_pretrained(trained),
            aggregation_strategy="simple",
            stride=STRIDE,
            device="cpu",
        )
        if size == "default":
            exported = DEFAULT
        else:
            export(trained, exported, quantise=True)
            settings = {"window": json.loads((DEFAULT / "charthand.json").read_text(encoding="utf-8"))["window"]}
            (exported / "charthand.json").write_text(json.dumps(settings), encoding="utf-8")
        peers = {"pipeline": lambda part: _seconds(lambda: [run(n.text) for n in part])}
        if size == "default":
            naive(trained, Path(folder) / "naive")
            hugot = _build_hugot(Path(folder) / "hugot")
            peers["hugot"] = lambda part: _hugot(hugot, Path(folder) / "naive", part)
        singles = [Document(n.id, n.text[:ALONE], []) for n in notes if len(n.text) >= ALONE][:SINGLES]
        with _running(charthand, exported) as ask:
            peers["charthand"] = lambda part: _seconds(lambda: ask(part))
            for read in peers.values():
                read(singles[:1])  # what is made once is made before
            # In turns: the machine is not as fast at all times. The pipeline reads a part each time, the others all notes.
            seconds = Counter()
            for turn in range(TURNS):
                seconds["pipeline"] += peers["pipeline"](notes[turn::TURNS])
                for name in peers.keys() - {"pipeline"}:
                    seconds[name] += peers[name](notes) / TURNS
            # One note alone, with the default model only: a base size takes seconds for it.
            alone = [(peers["pipeline"]([n]), peers["charthand"]([n])) for n in singles for _ in range(ROUNDS) if asked_alone]
        for peer, wanted in (("pipeline", asked), ("hugot", asked_hugot)):
            if peer in seconds:
                rows.append(_row("notes/s", peer, count / seconds[peer], count / seconds["charthand"], seconds[peer] / seconds["charthand"], wanted))
        if alone:
            theirs, ours = (statistics.median(column) for column in zip(*alone, strict=True))
            rows.append(_row(f"ms (p50) for a note of {ALONE} characters", "pipeline", theirs * 1e3, ours * 1e3, theirs / ours, asked_alone))
        return rows, product_share(exported, notes)


def _row(figure: str, peer: str, theirs: float, ours: float, ratio: float, asked: float | None) -> dict:
    return {"figure": figure, "peer": peer, "theirs": theirs, "ours": ours, "ratio": ratio, "asked": asked}


def make(size: str, folder: Path, outside: float = 4) -> None:
    """Writes a model with random weights: the default one's shape, or a base size. `outside` is how many standard deviations O is
    ahead of other labels: most words are in no mention."""
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT)
    tokenizer.model_max_length = 512
    torch.manual_seed(5)
    model = AutoModelForTokenClassification.from_config(_config(size, tokenizer)).eval()
    with torch.no_grad():
        model.classifier.bias[0] += outside * model.config.initializer_range * model.config.hidden_size**0.5
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _config(size: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedConfig:
    default = AutoConfig.from_pretrained(DEFAULT)
    if size == "default":
        return default
    settings = SIZES[size] | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    config = AutoConfig.for_model(**settings)
    config.id2label, config.label2id = default.id2label, default.label2id
    return config


def product_share(model: Path, notes: list[Document]) -> float:
    """Gives the share of the runtime's time that goes into matrix products of weights (their quantisation counted), over windows of
    notes as long as charthand's."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    length = json.loads((model / "charthand.json").read_text(encoding="utf-8"))["window"]["tokens"]
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.enable_profiling, options.profile_file_prefix = 1, True, str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(model / "model.onnx"), options)
        for note in notes:
            ids = tokenizer(note.text, truncation=True, max_length=length + 2)["input_ids"]
            session.run(None, {"input_ids": np.array([ids], dtype=np.int64)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"] in PRODUCTS] += event["dur"]
    return spent[True] / spent.total()


def naive(model_folder: Path, out: Path) -> None:
    """Exports as anybody would: with all inputs, the attention fused, every weight int8. hugot needs a graph with a mask."""
    model = load(model_folder)
    heads, hidden = model.config.num_attention_heads, model.config.hidden_size
    with tempfile.TemporaryDirectory() as scratch:
        plain, fused, final = (Path(scratch) / f"{name}.onnx" for name in ("plain", "fused", "final"))
        trace(model, ["input_ids", "attention_mask", "token_type_ids"], plain)
        optimizer.optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=1).save_model_to_file(str(fused))
        int8.dynamic(fused, final, ["Attention", *int8.MATRICES, *int8.TABLES])
        write(final, model_folder, out)


def _build_hugot(out: Path) -> Path:
    flags = {"CGO_LDFLAGS": f"-L{NATIVE}"}
    subprocess.run(["go", "build", "-tags", "ORT", "-o", str(out), "."], cwd=HUGOT, env=os.environ | flags, check=True)
    return out


def _hugot(hugot: Path, model: Path, notes: list[Document]) -> float:
    answer = subprocess.run(
        [str(hugot), "-model", str(model), "-library", str(NATIVE)], input=binary.lines(notes), capture_output=True, encoding="utf-8", check=True
    )
    answer = json.loads(answer.stdout)
    if answer["mentions"] == 0:
        raise RuntimeError("hugot found nothing: it did not read the notes")
    return answer["seconds"]


@contextmanager
def _running(charthand: Path, model: Path) -> Iterator[Callable[[list[Document]], None]]:
    """Gives a function that hands notes to a running charthand and waits for its answers."""
    arguments = [str(charthand), "annotate", "--model", str(model), "--ndjson", "-"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:

        def write(notes: list[Document]) -> None:
            process.stdin.write(binary.lines(notes))
            process.stdin.flush()

        def ask(notes: list[Document]) -> None:
            writer = threading.Thread(target=write, args=[notes])  # beside the reader: pipes hold little
            writer.start()
            if not all(process.stdout.readline() for _ in notes):
                raise RuntimeError("charthand stopped")
            writer.join()

        yield ask
        process.stdin.close()


def _seconds(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
