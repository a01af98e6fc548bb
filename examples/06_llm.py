"""Cluster what llm has embedded, where it is: in llm's own database. Run it where llm and sqlclust are installed together.

The embedding model is a toy that needs no network. With a real one, a collection is made by llm's own command:
    llm embed-multi notes notes.csv -m 3-small -d llm.db --store
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import llm
import sqlite_utils


class Words(llm.EmbeddingModel):  # type: ignore[misc, unused-ignore]
    """Counts words: texts with the same words have vectors of the same direction."""

    model_id = "words"

    def embed_batch(self, items: Iterable[str | bytes]) -> Iterator[list[float]]:
        for text in items:
            vector = [0.0] * 128
            for word in str(text).lower().split():
                vector[zlib.crc32(word.encode()) % len(vector)] += 1.0
            yield vector


TOPICS = {
    "bread": "flour water salt yeast oven dough crust loaf",
    "bike": "wheel chain brake pedal tyre saddle gear spoke",
    "rain": "cloud drizzle puddle umbrella storm thunder wet drops",
}


def notes() -> Iterator[tuple[str, str]]:
    """20 of each topic: its words but one, and a word of its own."""
    for topic, words in TOPICS.items():
        for number in range(20):
            left = [word for place, word in enumerate(words.split()) if place != number % 8]
            yield f"{topic}-{number}", " ".join([topic, *left, f"note{number}"])


path = str(Path(tempfile.mkdtemp()) / "llm.db")
database = sqlite_utils.Database(path)
llm.Collection("notes", database, model=Words(), create=True).embed_multi(notes(), store=True)
database.close()  # before llm clust: two libraries for SQLite must not have a file open in one process

# 1. Cluster the collection in place. This is what you type: llm clust notes -d llm.db --min-cluster-size 10
command = [sys.executable, "-m", "llm", "clust", "notes", "-d", path, "--min-cluster-size", "10"]
print(subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout)

# 2. Read it with anything that reads SQLite: the rows of the collection, each with its cluster.
with closing(sqlite3.connect(path)) as con:
    for label, size, example in con.execute("""
        SELECT label, count(*), min(content)
        FROM "llm:notes_clusters"
        WHERE label >= 0 GROUP BY label ORDER BY label
    """):
        print(label, size, example)
