"""What it takes to count the terms of texts, beside one pass of `str.split` and `Counter` over the same.

    python -m tests.benchmarks.terms                    # 100,000 texts of 13 words
    python -m tests.benchmarks.terms --texts 1000000

Texts of generated words, most of them of a few hundred that come often, some of each cluster alone, and some that come once, as
in texts of people. Processor seconds of one core, the best of several, and times the plain pass; and the peak of memory that was
taken for it, in bytes a word. `collect` cuts the texts into words (clust_texts), `terms` counts and chooses (clust_terms).
`characters` are texts without spaces, of as many characters as the others have words.
"""

from __future__ import annotations

import argparse
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable

from sqlclust.core.runtime.control import Control
from sqlclust.options import TermsOptions
from sqlclust.store.results.terms import counted
from sqlclust.terms.texts import Texts, TextsBuilder

_CLUSTERS = 100
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
Rows = list[tuple[int, str]]


def spaced(n: int, words: int, seed: int = 0) -> Rows:
    """Texts of words with spaces between."""
    pick = random.Random(seed)
    common = ["".join(pick.choices(_LETTERS, k=pick.randint(2, 8))) for _ in range(300)]
    own = [["".join(pick.choices(_LETTERS, k=pick.randint(4, 10))) for _ in range(200)] for _ in range(_CLUSTERS)]
    rows = []
    for number in range(n):
        label = number % _CLUSTERS
        text = (
            pick.choices(common, k=words - 5)
            + pick.choices(own[label], k=4)
            + [f"{pick.choice(common)}{number % 50_000}"]
        )
        pick.shuffle(text)
        rows.append((label, " ".join(text).capitalize() + "."))
    return rows


def characters(n: int, words: int, seed: int = 0) -> Rows:
    """Texts of so many ideographs."""
    pick = random.Random(seed)
    every = [chr(0x4E00 + place) for place in range(2_000)]
    return [(number % _CLUSTERS, "".join(pick.choices(every, k=words))) for number in range(n)]


def best(run: Callable[[], object], repeat: int) -> float:
    """Processor seconds."""
    taken = []
    for _ in range(repeat):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return min(taken)


def plain(rows: Rows) -> None:
    """The least that counts words."""
    found: Counter[str] = Counter()
    for _, text in rows:
        found.update(text.split())


def collected(rows: Rows) -> Texts:
    """As clust_texts does."""
    builder = TextsBuilder()
    for label, text in rows:
        builder.add(label, text)
    return builder.finish()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=13)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    headers = ("plain s", "collect s", "terms s", "all /plain", "bytes/word")
    print(f"{f'{given.texts:,} texts':24}" + "".join(f"{header:>12}" for header in headers))
    of_words, of_characters = spaced(given.texts, given.words), characters(given.texts, given.words)
    for rows, ngrams in ((of_words, 1), (of_words, 2), (of_words, 3), (of_characters, 2)):
        options = TermsOptions(ngrams=ngrams)

        def count(texts: Texts, options: TermsOptions = options) -> None:
            counted(texts, options, Control())

        texts = collected(rows)
        seconds = [
            best(lambda rows=rows: plain(rows), given.repeat),  # type: ignore[misc]
            best(lambda rows=rows: collected(rows), given.repeat),  # type: ignore[misc]
            best(lambda texts=texts: count(texts), given.repeat),  # type: ignore[misc]
        ]
        tracemalloc.start()
        count(collected(rows))
        peak = tracemalloc.get_traced_memory()[1] / len(texts.word)
        tracemalloc.stop()
        name = f"{'words' if rows is of_words else 'characters'}, ngrams {ngrams}"
        ratio = (seconds[1] + seconds[2]) / seconds[0]
        print(
            f"{name:24}" + "".join(f"{second:12.2f}" for second in seconds) + f"{ratio:12.1f}{peak:12.0f}", flush=True
        )


if __name__ == "__main__":
    main()
