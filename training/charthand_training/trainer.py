"""The training loop's parts: Hugging Face's Trainer with a loss that leaves unlabelled types alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from seqeval.metrics import f1_score, precision_score, recall_score
from transformers import Trainer, TrainingArguments

from .recipe import Recipe
from .windows import IGNORED


def arguments(
    recipe: Recipe, out: Path, windows: int, epochs: float, batch: int, learning_rate: float, **more
) -> TrainingArguments:
    """Training arguments as a recipe has them, for `windows` windows an epoch."""
    steps = math.ceil(windows / (batch * recipe.gradient_accumulation)) * epochs
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=16,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        learning_rate=learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=int(recipe.warmup * steps),
        weight_decay=recipe.weight_decay,
        optim="adamw_torch_fused",
        adam_beta1=recipe.adam_betas[0],
        adam_beta2=recipe.adam_betas[1],
        adam_epsilon=recipe.adam_epsilon,
        bf16=recipe.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        data_seed=recipe.seed,
        save_strategy="no",
        logging_steps=50,
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        **more,
    )


class PartialTrainer(Trainer):
    """Trains on documents that are labelled in some types alone: there, what is not marked is taught as "outside, or of a type
    that was not labelled" (the sum of their probabilities), so that an unlabelled type is not unlearned."""

    loss_is_scaled_for_ga = False  # it is the mean of one batch; with gradient accumulation the mean over them is taken outside

    def __init__(self, *args, hidden: Sequence[int], **kwargs):
        super().__init__(*args, **kwargs)
        self.hidden = list(hidden)  # the tags that may hide behind an unmarked token of a partial document

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The mean negative log likelihood of the counted tokens of the batch."""
        partial = inputs.pop("partial").bool()
        gold = inputs.pop("labels")
        outputs = model(**inputs)
        logp = torch.log_softmax(outputs.logits.float(), dim=-1)
        chosen = logp.gather(-1, gold.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        if self.hidden:
            unmarked = torch.logsumexp(logp[..., self.hidden], dim=-1)
            chosen = torch.where(partial.unsqueeze(-1) & (gold == 0), unmarked, chosen)
        counted = gold != IGNORED
        loss = -(chosen * counted).sum() / counted.sum().clamp(min=1)
        return (loss, outputs) if return_outputs else loss

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        """Gives the loss, the logits and the gold of a batch."""
        gold = inputs["labels"]
        with torch.no_grad():
            loss, outputs = self.compute_loss(model, inputs, return_outputs=True)
        return loss.detach(), outputs.logits.detach(), gold


def token_f1(tags: list[str]) -> Callable:
    """seqeval's figures over windows with arg-max decoding: to watch while training, not the reported ones."""

    def compute(prediction) -> dict[str, float]:
        gold, found = [], []
        for row, labels in zip(np.argmax(prediction.predictions, axis=-1), prediction.label_ids):
            counted = labels != IGNORED
            gold.append([tags[i] for i in labels[counted]])
            found.append([tags[i] for i in row[counted]])
        return {
            "precision": precision_score(gold, found, zero_division=0),
            "recall": recall_score(gold, found, zero_division=0),
            "f1": f1_score(gold, found, zero_division=0),
        }

    return compute
