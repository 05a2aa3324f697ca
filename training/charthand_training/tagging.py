"""Spans to BIO tags over tokens, and back.

A token is a (start, end) pair of code points, with end == start for tokens that stand for no text ([CLS], padding).
A *word piece* that continues a word (begins where the previous token ended, inside the same word) takes the I- tag of its
word, so that a word is never half inside a mention.
"""

from __future__ import annotations

from collections.abc import Sequence

from .document import Span

OUTSIDE = "O"


def tag_set(labels: Sequence[str]) -> list[str]:
    """O first, then B- and I- of each label in the order given: the model's output columns."""
    return [OUTSIDE] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]


def encode(offsets: Sequence[tuple[int, int]], continues: Sequence[bool], spans: Sequence[Span]) -> list[str]:
    """Gives each token its tag. `spans` are flat and sorted.

    A word belongs to the first span that it shares a character with; its pieces follow its first one.
    """
    tags: list[str] = []
    previous: Span | None = None
    at = 0
    for i, (start, end) in enumerate(offsets):
        if continues[i] and tags:
            tags.append(OUTSIDE if previous is None else f"I-{previous.label}")
            continue
        word_end = end
        for j in range(i + 1, len(offsets)):
            if not continues[j]:
                break
            word_end = offsets[j][1]
        while at < len(spans) and spans[at].end <= start:
            at += 1
        span = spans[at] if at < len(spans) and spans[at].start < word_end and start < word_end else None
        if span is None:
            tags.append(OUTSIDE)
        else:
            tags.append(f"{'I' if span is previous else 'B'}-{span.label}")
        previous = span
    return tags


def decode(offsets: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Span]:
    """Joins BIO tags to spans. An I- that follows nothing of its own label opens a mention."""
    spans: list[Span] = []
    open_label: str | None = None
    for (start, end), tag in zip(offsets, tags, strict=True):
        if tag == OUTSIDE:
            open_label = None
            continue
        prefix, label = tag.split("-", 1)
        if prefix == "I" and label == open_label:
            spans[-1] = Span(spans[-1].start, end, label)
        else:
            spans.append(Span(start, end, label))
        open_label = label
    return spans
