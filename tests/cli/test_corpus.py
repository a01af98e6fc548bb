from __future__ import annotations

import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sqlclust.cli.corpus import DIMENSION, MIN_TEXTS_PER_WORD, Docstring, Embedded, docstrings, embed
from sqlclust.errors import InputFileError, OptionError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus() -> list[Docstring]:
    return docstrings()


@pytest.fixture(scope="module")
def texts(corpus: list[Docstring]) -> list[str]:
    return [docstring.text for docstring in corpus]


@pytest.fixture(scope="module")
def embedded(texts: list[str]) -> Embedded:
    return embed(texts)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that says it is the standard library."""
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


# --- the real library ------------------------------------------------------------------------------------------


def test_several_thousand_with_unique_ids_in_order(corpus: list[Docstring]) -> None:
    assert len(corpus) > 4_000
    assert len({docstring.id for docstring in corpus}) == len(corpus)
    order = [(docstring.module, docstring.line) for docstring in corpus]
    assert order == sorted(order)


def test_known_docstrings(corpus: list[Docstring]) -> None:
    by_id = {docstring.id: docstring for docstring in corpus}
    assert by_id["json.loads"].module == "json"
    assert by_id["json.loads"].text.startswith("Deserialize ``s``")
    assert by_id["json.decoder.JSONDecoder.decode"].module == "json.decoder"
    assert by_id["json"].line == 1
    assert "email.message.Message.add_header" in by_id


def test_neither_tests_nor_installed_packages(corpus: list[Docstring]) -> None:
    packages = {part for docstring in corpus for part in docstring.module.split(".")}
    assert packages.isdisjoint({"test", "tests", "idle_test", "site-packages", "numpy"})


def test_texts_are_clean_and_can_be_stored(texts: list[str]) -> None:
    assert all(text and text == text.strip() for text in texts)
    assert not any("\0" in text for text in texts)
    "".join(texts).encode()  # no lone surrogates


def test_vectors_have_length_one(texts: list[str], embedded: Embedded) -> None:
    assert embedded.kept.shape == (len(texts),)
    assert embedded.kept.dtype == np.bool_
    assert embedded.kept.mean() > 0.99
    assert embedded.vectors.shape == (np.count_nonzero(embedded.kept), DIMENSION)
    assert embedded.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)  # so no zero and no NaN


def test_repeated_texts_have_bitwise_identical_vectors(texts: list[str], embedded: Embedded) -> None:
    kept = [text for text, keep in zip(texts, embedded.kept.tolist(), strict=True) if keep]
    repeated = {text for text, count in Counter(kept).items() if count > 1}
    assert len(repeated) > 50
    if any("Internal function." in text for text in kept):  # of tkinter, which some systems package apart
        assert "Internal function." in repeated
    vectors: dict[str, set[bytes]] = {}
    for text, vector in zip(kept, embedded.vectors, strict=True):
        vectors.setdefault(text, set()).add(vector.tobytes())
    assert {text for text, distinct in vectors.items() if len(distinct) > 1} == set()


def test_neighbours_are_about_the_same(corpus: list[Docstring], embedded: Embedded) -> None:
    modules = np.array([docstring.module for docstring in corpus])[embedded.kept]
    of_ipaddress = modules == "ipaddress"
    similarity = embedded.vectors[of_ipaddress] @ embedded.vectors.T
    similarity[:, of_ipaddress] -= 2 * (similarity[:, of_ipaddress] > 1 - 1e-6)  # themselves and their copies
    assert np.mean(of_ipaddress) < 0.05
    assert np.mean(of_ipaddress[similarity.argmax(axis=1)]) > 0.5


# --- a small library -------------------------------------------------------------------------------------------


def test_what_is_found(library: Path) -> None:
    (library / "pack").mkdir()
    (library / "pack" / "__init__.py").write_text('"""The package."""\n')
    (library / "pack" / "part.py").write_text(
        "import missing_module\n"
        "if True:\n"
        "    def repeated():\n"
        "        'The first.'\n"
        "else:\n"
        "    def repeated():\n"
        "        'The second.'\n"
        "class Outer:\n"
        '    """\n'
        "    Two\n"
        "      lines.\n"
        '    """\n'
        "    async def method(self):\n"
        "        'A method.'\n"
        "        try:\n"
        "            pass\n"
        "        except Exception:\n"
        "            class Inner:\n"
        "                'Deep.'\n"
        "    def silent(self): ...\n"
        "    def blank(self):\n"
        "        '  '\n"
    )
    (library / "broken.py").write_text("'''Does not parse.'''\n)\n")
    (library / "zero.py").write_bytes(b"'''A zero byte.'''\0\n")
    (library / "escape.py").write_text("'''Escape.'''\n'\\d'\n")
    for directory in ("test", "pack/tests", "pack/idle_test", "site-packages"):
        (library / directory).mkdir()
        (library / directory / "module.py").write_text("'''Not this.'''\n")

    expected = [
        Docstring("escape", "escape", 1, "Escape."),
        Docstring("pack", "pack", 1, "The package."),
        Docstring("pack.part.repeated", "pack.part", 4, "The first."),
        Docstring("pack.part.repeated#2", "pack.part", 7, "The second."),
        Docstring("pack.part.Outer", "pack.part", 9, "Two\n  lines."),
        Docstring("pack.part.Outer.method", "pack.part", 14, "A method."),
        Docstring("pack.part.Outer.method.Inner", "pack.part", 19, "Deep."),
    ]
    assert docstrings() == expected
    assert docstrings() == expected  # and again


@pytest.mark.parametrize("directory", ["", "missing"], ids=["no sources", "no directory"])
def test_a_python_without_sources(library: Path, monkeypatch: pytest.MonkeyPatch, directory: str) -> None:
    path = str(library / directory)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: path)
    with pytest.raises(InputFileError, match="no Python sources, expected those of the standard library") as error:
        docstrings()
    assert error.value.path == path


# --- few texts -------------------------------------------------------------------------------------------------

FEW = [f"{adjective} {noun}" for adjective in ("red", "green", "blue", "grey", "pink") for noun in ("car", "bus")]


def test_a_text_without_known_words_has_no_vector() -> None:
    embedded = embed(["a < b", *FEW, "unheard"], dimension=2)
    assert embedded.kept.tolist() == [False, *[True] * len(FEW), False]
    assert embedded.vectors.shape == (len(FEW), 2)


def test_words_are_split_and_lowered() -> None:
    same = ["get_red_car", "getRedCar", "GET red CAR"] * MIN_TEXTS_PER_WORD
    vectors = embed([*same, *FEW], dimension=2).vectors[: len(same)]
    assert len({vector.tobytes() for vector in vectors}) == 1


def test_deterministic_for_a_seed(texts: list[str]) -> None:
    first, second, other = (embed(texts[:1000], dimension=16, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.kept, second.kept)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


@pytest.mark.parametrize(
    ("texts", "dimension", "expected"),
    [
        ([], 1, "1 to the smaller of 0 distinct texts and 0 frequent words"),
        (["one text"] * 9, 1, "1 to the smaller of 1 distinct texts and 0 frequent words"),
        (FEW, 3, "1 to the smaller of 10 distinct texts and 2 frequent words"),
        (FEW, 0, "1 to the smaller of 10 distinct texts and 2 frequent words"),
    ],
    ids=["no text", "no frequent word", "too many", "zero"],
)
def test_dimension_that_the_texts_do_not_have(texts: list[str], dimension: int, expected: str) -> None:
    with pytest.raises(OptionError) as error:
        embed(texts, dimension=dimension)
    assert (error.value.option, error.value.found, error.value.expected) == ("dimension", dimension, expected)
