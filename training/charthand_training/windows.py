"""Documents cut into the windows that a model is trained on."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Sequence

import torch
from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

from . import tagging
from .document import Document
from .recipe import Corpus

IGNORED = -100  # the tag of what is not counted in the loss, as in Hugging Face's collators


# What begins the tokens that begin a word, in SentencePiece and in byte-level BPE; alone it stands for no text.
MARKERS = ("▁", "Ġ")


def continuations(tokenizer: PreTrainedTokenizerFast, text: str, encoding: Encoding) -> list[bool]:
    """Says of each token whether it goes on with the word of the one before it.

    Word pieces say so themselves. Other tokenizers' words may run from blank to blank (SentencePiece), or part digits from letters
    (byte-level BPE): letters and digits side by side are one word here, and a sign ends a word, so that a comma is no part of what
    stands before it. nlp/onnx has the same rule.
    """
    words, offsets, tokens = encoding.word_ids, encoding.offsets, encoding.tokens
    pieces = bool(getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None))

    def continues(i: int) -> bool:
        if pieces:
            return words[i] == words[i - 1]
        start = offsets[i][0]
        same_character = start < offsets[i - 1][1] and tokens[i - 1] not in MARKERS
        return same_character or (not tokens[i].startswith(MARKERS) and _one_word(text, start))

    return [i > 0 and continues(i) for i in range(len(offsets))]


def _one_word(text: str, at: int) -> bool:
    """Whether letters, digits or their marks stand on both sides of a place."""
    return at > 0 and all(unicodedata.category(c)[0] in "LNM" for c in text[at - 1 : at + 1])


class Windows(torch.utils.data.Dataset):
    """Documents cut into windows of at most `size` tokens, at line ends and full stops where there are any.

    Documents come with the corpus they are from. With `shift`, each time a window is asked for it begins up to that many
    tokens earlier or later, so that no two epochs read quite the same.
    """

    def __init__(
        self,
        documents: Sequence[tuple[Document, Corpus]],
        tokenizer: PreTrainedTokenizerFast,
        tag_ids: dict[str, int],
        size: int,
        shift: int = 0,
        seed: int = 0,
    ):
        self.size, self.shift = size, shift
        self.random = random.Random(seed)
        self.cls, self.sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        self.texts: list[tuple[list[int], list[int], list[bool], bool]] = []  # ids, tags, whether a cut before it is bad, partial
        self.places: list[tuple[int, int, int]] = []
        for document, corpus in documents:
            encoding = tokenizer.backend_tokenizer.encode(document.text, add_special_tokens=False)
            continues = continuations(tokenizer, document.text, encoding)
            tags = tagging.encode(encoding.offsets, continues, document.spans)
            unbroken = [c or tag.startswith("I-") for c, tag in zip(continues, tags)]
            ids = {tag: IGNORED if tag[2:] in corpus.uncounted else tag_ids[tag] for tag in set(tags)}
            self.texts.append((encoding.ids, [ids[t] for t in tags], unbroken, corpus.partial))
            for start, end in self._cuts(document.text, encoding.offsets, unbroken):
                self.places.append((len(self.texts) - 1, start, end))

    def _cuts(self, text: str, offsets, unbroken: list[bool]) -> Iterator[tuple[int, int]]:
        """Never cuts inside a word or a mention, unless that is as long as a window."""
        start = 0
        while start < len(offsets):
            end = min(start + self.size, len(offsets))
            if end < len(offsets):
                best = end
                while best > start + 1 and unbroken[best]:
                    best -= 1
                for i in range(best, start + self.size // 2, -1):
                    gap = text[offsets[i - 1][1] : offsets[i][0]]
                    ends = text[offsets[i - 1][0] : offsets[i - 1][1]] == "."
                    if not unbroken[i] and ("\n" in gap or (ends and gap)):
                        best = i
                        break
                end = best
            yield start, end
            start = end

    @property
    def items(self) -> list[dict[str, list[int] | int]]:
        """All windows, unshifted."""
        return [self._item(*place) for place in self.places]

    def _item(self, text: int, start: int, end: int) -> dict[str, list[int] | int]:
        ids, tags, _, partial = self.texts[text]
        return {
            "input_ids": [self.cls, *ids[start:end], self.sep],
            "attention_mask": [1] * (end - start + 2),
            "labels": [IGNORED, *tags[start:end], IGNORED],
            "partial": int(partial),
        }

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, list[int] | int]:
        text, start, end = self.places[index]
        if self.shift:
            unbroken = self.texts[text][2]
            start = max(0, start + self.random.randint(-self.shift, self.shift))
            start = min(start, max(0, len(unbroken) - self.size // 2))
            while start > 0 and unbroken[start]:
                start -= 1
            end = min(start + self.size, len(unbroken))
            while end < len(unbroken) and end > start + 1 and unbroken[end]:
                end -= 1
        return self._item(text, start, end)
