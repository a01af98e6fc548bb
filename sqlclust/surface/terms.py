"""Labelled texts, and the terms that are typical of each label."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from sqlclust.errors import Id, TextsError
from sqlclust.options import TermsOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.store.embeddings.ids import sorted_order
from sqlclust.store.memory import check_counting_words
from sqlclust.store.results import terms as store
from sqlclust.surface.records import AggregateFunction, Context, Handle, TableFunction, TextsHandle
from sqlclust.terms.scoring import NOISE
from sqlclust.terms.texts import TextsBuilder
from sqlclust.vectors.blobs import sqlite_type


class TextsAggregate:
    """clust_texts: collects labelled texts for clust_terms. Every different label is one, of any type; -1 is noise."""

    def __init__(self) -> None:
        self._builder = TextsBuilder()
        self._codes: dict[Id, int] = {}

    def step(self, label: Id | None, text: object) -> None:
        """Take a text and its label."""
        if label is None or text is None or isinstance(text, bytes):
            return
        self._builder.add(self._codes.setdefault(label, len(self._codes)), str(text))

    def final(self) -> TextsHandle:
        """The handle; of no rows too."""
        labels = list(self._codes)
        order = sorted_order(labels).tolist()
        numbers = np.full(len(labels), NOISE, dtype=np.int64)
        others = [place for place in order if labels[place] != NOISE]
        numbers[others] = np.arange(len(others))
        texts = self._builder.finish()
        return TextsHandle(
            dataclasses.replace(texts, labels=numbers[texts.labels]), [labels[place] for place in others]
        )


def clust_terms(context: Context, result_or_texts: object, options: object = "{}") -> Iterator[Row]:
    """The terms of each cluster of a result, or of each label of texts."""
    parsed = parse_json(TermsOptions, options)
    if isinstance(result_or_texts, TextsHandle):
        handle = result_or_texts
        if parsed not in handle.memo:
            check_counting_words(len(handle.texts.word), parsed.ngrams)
            handle.memo[parsed] = context.run(
                lambda control: store.counted(handle.texts, parsed, control), imports=False
            )
        for label, *rest in handle.memo[parsed]:
            yield (NOISE if label == NOISE else handle.labels[label], *rest)
        return
    if type(result_or_texts) is not int:
        found = "a handle of clust_points" if isinstance(result_or_texts, Handle) else sqlite_type(result_or_texts)
        raise TextsError("clust_terms", found=found)
    yield from store.terms(context.database, result_or_texts, parsed)


TERMS = (
    AggregateFunction(
        name="clust_texts",
        args=("label", "text"),
        factory=TextsAggregate,
        returns="handle",
        summary="Collects texts with their labels for clust_terms. Rows where either is NULL, or the text a BLOB, are passed "
        "over. As that of clust_points, its value is a handle that lives only inside the expression it is made in.",
        example="SELECT count(*) FROM clust_terms((SELECT clust_texts(key / 2, value) "
        'FROM json_each(\'["red wine", "white wine", "green tea", "black tea"]\'))) -- 6',
    ),
    TableFunction(
        name="clust_terms",
        args=("result_or_texts", "options"),
        optional=1,
        function=clust_terms,
        columns={"label": "", "rank": "INTEGER", "term": "TEXT", "score": "REAL"},
        hidden_columns={"count": "INTEGER", "n_rows": "INTEGER"},
        summary="Words and phrases that are typical of each cluster, best first (rank 1), by class-based TF-IDF: of the members "
        "of a result, by its id, or of the texts that clust_texts collects. The hidden columns are how often a term is in the "
        "cluster, and in how many of its rows.",
        example="SELECT term, score > 0, count, n_rows FROM clust_terms((SELECT clust_texts(key / 2, value) "
        'FROM json_each(\'["red wine", "white wine", "green tea", "black tea"]\'))) WHERE label = 1 AND rank = 1 -- tea|1|2|2',
    ),
)
