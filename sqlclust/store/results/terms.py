"""Terms of a result's clusters: the words and phrases that are typical of the texts in each."""

from __future__ import annotations

import logging

from sqlclust import schema
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import HostTableError, LockedError, NotUnicodeError, SourceError
from sqlclust.options import TermsOptions
from sqlclust.sources.registered_rows import registered
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.store.memory import check_counting_words
from sqlclust.store.origins import origin_of
from sqlclust.store.results.listing import resolve_result
from sqlclust.terms.choosing import Term, chosen
from sqlclust.terms.scoring import classes_of, scored
from sqlclust.terms.texts import MOST_CHARACTERS, Texts, TextsBuilder

logger = logging.getLogger("sqlclust")

_REPORT = 512
"""Texts between two looks at progress and interrupts."""
_MEMBERS = "SELECT count(*) FROM main.EmbeddingCluster WHERE clustering_result_id = ?"
_MODEL = "SELECT embedding_model FROM main.ClusteringResult WHERE id = ?"
_LABELS = "SELECT count(*) FROM main.Cluster WHERE clustering_result_id = ?"
_IN_A_NAME = 3
_TEXTS_OF_NAMES, _CHARACTERS_OF_NAMES = 10_000, 1_000
"""Texts that are read for names, and characters of each: some 10 MB at the most, a second and a half."""

_PATIENCE_FOR_NAMES = 1.0
"""Seconds that a command waits for whoever writes to another file."""


def counted(texts: Texts, options: TermsOptions, control: Control) -> list[Term]:
    """The terms of labelled texts, label by label. Cost: O(w log w) of w words, for each number of words of a phrase."""
    with control.phase("terms"):
        classes = classes_of(texts, noise=options.noise)
        parts = scored(
            texts,
            classes,
            ngrams=options.ngrams,
            evenly_spread=options.evenly_spread,
            stop_words=options.listed,
            max_characters=options.max_characters,
            control=control,
        )
        return chosen(texts, classes, parts, count=options.count, control=control)


@clear_memory_errors("counting words")
def terms(
    database: Database, clustering_result_id: object, options: TermsOptions, progress: Progress | None = None
) -> list[Term]:
    """The terms of each cluster of a result, by the texts of its members: those of their own, or of the source's table.

    Rows without text, and texts that are BLOBs, count as if they were not there; of a long text the first 100,000 characters are
    read.

    Raises:
        UnknownResultError, StatementInterrupted
        OutOfMemoryError: there is no room to count their words.
        SourceElsewhereError, HostTableError: the source's table or its column of texts is not there any more.

    Cost: one read of the texts, and as `counted`.
    """
    with translated_errors(database, doing="reading a result"):
        schema.check(database)
        result_id = resolve_result(database, clustering_result_id)  # type: ignore[arg-type]
    texts = _texts(database, result_id, progress)
    check_counting_words(len(texts.word), options.ngrams)
    found, _ = interrupt.run(database, lambda control: counted(texts, options, control), progress, imports=False)
    return found


def names_of_clusters(
    database: Database, result_id: int, progress: Progress | None = None, *, count: int = _IN_A_NAME
) -> dict[int, list[str]]:
    """The first terms of each cluster of a result, to call it by; none where there are no texts, or none that can be read.

    As `terms`, of at most 10,000 texts: of each cluster so many of the most probable members, and of each the first thousand
    characters. A view that is a source is not run.

    Args:
        count: terms of each cluster.
    """
    try:
        texts = _texts_for_names(database, result_id, progress)
    except (HostTableError, SourceError, NotUnicodeError, LockedError) as error:  # the clusters are there all the same
        logger.info("clusters have no names: %s", error)
        return {}
    if texts is None:
        return {}
    names: dict[int, list[str]] = {}
    for term in counted(texts, TermsOptions(count=count), Control(progress)):  # too quick to be done in a thread
        names.setdefault(term.label, []).append(term.term)
    return names


def _texts_for_names(database: Database, result_id: int, progress: Progress | None) -> Texts | None:
    """See `names_of_clusters`; None where there are none, or those of a view."""
    with translated_errors(database, doing="reading a result"):
        source = registered(database, statements.value(database, _MODEL, (result_id,)))
        n_labels = 1 + statements.value(database, _LABELS, (result_id,))  # and noise
    if source is not None and (source.source.kind == "view" or source.source.content_column is None):
        return None
    most = max(1, _TEXTS_OF_NAMES // n_labels)
    return _texts(
        database, result_id, progress, most=most, characters=_CHARACTERS_OF_NAMES, patience=_PATIENCE_FOR_NAMES
    )


def _texts(
    database: Database,
    result_id: int,
    progress: Progress | None,
    *,
    most: int | None = None,
    characters: int = MOST_CHARACTERS,
    patience: float = PATIENCE,
) -> Texts:
    """The texts of a result's members with their labels. `most`: of each label."""
    control, builder = Control(progress), TextsBuilder()
    with translated_errors(database, doing="reading the texts"), control.phase("texts"):
        model = statements.value(database, _MODEL, (result_id,))
        total = max(1, statements.value(database, _MEMBERS, (result_id,)))
        with (
            origin_of(database, model, patience=patience) as origin,
            origin.labelled_texts(result_id, most=most) as rows,
        ):
            for number, (_, label, text) in enumerate(rows, start=1):
                if isinstance(text, str):
                    builder.add(label, text[:characters])
                if number % _REPORT == 0:
                    control.at(number / total)
                    database.check_interrupt()
    return builder.finish()
