"""Real text that every Python has: the standard library's docstrings, and vectors of them, for `sqlclust demo`.

The sources are parsed, never imported: importing all modules would open windows, browsers and sockets.
"""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import InputFileError, OptionError

DIMENSION = 96
MIN_TEXTS_PER_WORD = 5
"""A word in fewer distinct texts than this is left out: no cluster can be about it, whose smallest has as many members."""

IDF_POWER = 4
"""Weights are tf · idf ^ 4. Plain TF-IDF (power 1) groups short texts by 'return', 'class' or 'given'. With the higher power they
meet on the words of their subject, and neither a list of stop words nor a stemmer makes a difference any more."""

_TEST_DIRECTORIES = frozenset({"test", "tests", "idle_test"})
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_NO_DIRECTION = 1e-6
"""Texts have length 1 before the SVD. Where less than this is left of one, it is rounding."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Docstring(NamedTuple):
    """One docstring of a module, class or function."""

    id: str  # the qualified name, "json.decoder.JSONDecoder.decode"; where it repeats, the second one ends in "#2"
    module: str  # "json.decoder"; a package's own docstrings are of module "json"
    line: int  # where the docstring starts
    text: str  # without the source's indentation


class Embedded(NamedTuple):
    """Vectors of texts. A text without any known word has none."""

    kept: NDArray[np.bool_]  # (n,), whether a text has a vector
    vectors: NDArray[np.float32]  # (number kept, dimension), rows of length 1, in the order of the texts kept


def docstrings() -> list[Docstring]:
    """All docstrings of the standard library but its tests', by module name, then by line.

    Texts that repeat are kept: they are what duplicates look like in real data.

    Raises:
        InputFileError: this Python came without the sources (zipped or stripped).
    """
    root = sysconfig.get_path("stdlib")
    found: list[Docstring] = []
    seen: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in sources that are not ours
        for module, path in sorted(_modules(Path(root))):
            for name, line, text in _docstrings_of(path, module):
                seen[name] += 1
                unique = name if seen[name] == 1 else f"{name}#{seen[name]}"
                found.append(Docstring(unique, module, line, text))
    if not found:
        reason = "has no Python sources, expected those of the standard library (is it zipped or stripped?)"
        raise InputFileError(root, reason=reason)
    return found


def embed(texts: Sequence[str], *, dimension: int = DIMENSION, seed: int = 0) -> Embedded:
    """Vectors of texts by TF-IDF and truncated SVD (latent semantic analysis).

    Deterministic for a seed; identical texts get bitwise identical vectors, and count once when words are weighed.

    Args:
        texts: n texts, n >= dimension after repeats are taken away.
        dimension: 1 <= dimension <= the number of words that are in at least `MIN_TEXTS_PER_WORD` texts.
        seed: of the randomised SVD.

    Raises:
        OptionError: the texts do not have that many dimensions.

    Source: Deerwester et al. 1990; the SVD: Halko, Martinsson, Tropp 2011.
    """
    # imported here because only the demo needs them and they take a second
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    bags = [_words(text) for text in row_of]
    frequency = Counter(word for bag in bags for word in set(bag))
    vocabulary = sorted(word for word, count in frequency.items() if count >= MIN_TEXTS_PER_WORD)
    if not 1 <= dimension <= min(len(bags), len(vocabulary)):
        expected = f"1 to the smaller of {len(bags):,} distinct texts and {len(vocabulary):,} frequent words"
        raise OptionError("dimension", found=dimension, expected=expected)

    vectorizer = TfidfVectorizer(analyzer=list, vocabulary=vocabulary, sublinear_tf=True, norm=None)
    weights = vectorizer.fit_transform(bags).multiply(vectorizer.idf_ ** (IDF_POWER - 1)).tocsr()
    weights = normalize(weights)
    reduced = TruncatedSVD(dimension, n_iter=7, random_state=seed).fit(weights).transform(weights)

    rows = np.array([row_of[text] for text in texts], dtype=np.intp)
    kept = (np.linalg.norm(reduced, axis=1) > _NO_DIRECTION)[rows]
    return Embedded(kept, normalize(reduced).astype(np.float32)[rows[kept]])


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    """(dotted name, source file) of every module below `root`, in no particular order."""
    for directory, subdirectories, files in os.walk(root):
        # site-packages, config-3.12-x86_64-linux-gnu: no identifier, so no package
        subdirectories[:] = [s for s in subdirectories if s.isidentifier() and s not in _TEST_DIRECTORIES]
        package = Path(directory).relative_to(root).parts
        for file in files:
            stem, suffix = os.path.splitext(file)
            if suffix == ".py":
                yield ".".join(package if stem == "__init__" else (*package, stem)), Path(directory, file)


def _docstrings_of(path: Path, module: str) -> Iterator[tuple[str, int, str]]:
    """(qualified name, line, text) of each docstring in a file, by line; none from a file that does not parse."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for name, node in [(module, tree), *_definitions(tree, module)]:
        if text := (ast.get_docstring(node) or "").strip():
            yield name, node.body[0].lineno, text


def _definitions(node: ast.AST, qualname: str) -> Iterator[tuple[str, _Definition]]:
    """Classes and functions below `node`, nested ones too, in the order of the source."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Definition):
            name = f"{qualname}.{child.name}"
            yield name, child
            yield from _definitions(child, name)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):  # expressions define nothing
            yield from _definitions(child, qualname)


def _words(text: str) -> list[str]:
    """Words of two letters or more in lower case; `snake_case` and `CamelCase` come apart."""
    return [word.lower() for word in _WORD.findall(text) if len(word) > 1]
