"""How fast charthand reads notes beside Hugging Face's pipeline: the same notes, the same machine, one after the other in one run.

Speed does not ask what the weights are: models of base size have random ones, and the default model's tokenizer.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast, pipeline

from . import binary, corpora, tiny
from .document import Document
from .export import export

DEFAULT = Path(__file__).parents[2] / "models" / "default"
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}
DEBERTA = tiny.ARCHITECTURES["deberta-v2"] | {"position_buckets": 256}
SIZES = {  # the published ones, but for the vocabulary
    "default": {},
    "bert-base": BASE | {"model_type": "bert"},
    "albert-base": BASE | {"model_type": "albert", "embedding_size": 128},
    "deberta-v3-base": BASE | DEBERTA | {"model_type": "deberta-v2"},
}
STRIDE = 128  # tokens that the pipeline's windows share, so that it too reads a note to its end
ALONE = 2000  # code points of the note that is read alone


def measure(size: str, data: Path, charthand: Path, count: int, rounds: int = 3) -> list[dict]:
    """Gives notes a second and their ratio, and the latency of one note, for a model of SIZES."""
    notes = corpora.read_notes(data, "mtsamples")
    notes = random.Random(13).sample([n for n in notes if n.text.strip()], count)
    alone = next(Document(n.id, n.text[:ALONE], []) for n in notes if len(n.text) >= ALONE)
    with tempfile.TemporaryDirectory() as folder:
        trained, exported = Path(folder) / "trained", Path(folder) / "model"
        make(size, trained)
        run = pipeline(
            "token-classification",
            model=AutoModelForTokenClassification.from_pretrained(trained),
            tokenizer=AutoTokenizer.from_pretrained(trained),
            aggregation_strategy="simple",
            stride=STRIDE,
        )
        if size == "default":
            exported = DEFAULT
        else:
            export(trained, exported, quantise=True)
            settings = {"window": json.loads((DEFAULT / "charthand.json").read_text(encoding="utf-8"))["window"]}
            (exported / "charthand.json").write_text(json.dumps(settings), encoding="utf-8")
        start = _seconds(lambda: binary.annotate(charthand, exported, []))
        theirs = _seconds(lambda: [run(n.text) for n in notes])
        ours = min(_seconds(lambda: binary.annotate(charthand, exported, notes)) for _ in range(rounds)) - start
        theirs_alone = statistics.median(_seconds(lambda: run(alone.text)) for _ in range(5))
        ours_alone = (min(_seconds(lambda: binary.annotate(charthand, exported, [alone] * 21)) for _ in range(rounds)) - start) / 21
    return [
        {"figure": "notes/s", "pipeline": count / theirs, "charthand": count / ours, "ratio": theirs / ours},
        {"figure": f"ms for a note of {ALONE} characters", "pipeline": theirs_alone * 1e3, "charthand": ours_alone * 1e3,
         "ratio": theirs_alone / ours_alone},
    ]  # fmt: skip


def make(size: str, folder: Path) -> None:
    """Writes a model with random weights: the default one's shape, or a base size."""
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT)
    tokenizer.model_max_length = 512
    torch.manual_seed(5)
    AutoModelForTokenClassification.from_config(_config(size, tokenizer)).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _config(size: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedConfig:
    default = AutoConfig.from_pretrained(DEFAULT)
    if size == "default":
        return default
    settings = SIZES[size] | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    config = AutoConfig.for_model(**settings)
    config.id2label, config.label2id = default.id2label, default.label2id
    return config


def _seconds(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
