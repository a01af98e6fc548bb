from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.errors import OptionError, OptionsJSONError, SqlclustError, UnknownOptionError
from sqlclust.options import (
    CutOptions,
    DoctorOptions,
    FitOptions,
    HdbscanOptions,
    Options,
    PointsOptions,
    StoredFitOptions,
    default_text,
    names,
    parse,
    parse_json,
)
from sqlclust.surface.catalog import OPTIONS
from sqlclust.vectors.formats import STORED_FORMAT


def subclasses(options: type[Options]) -> list[Any]:
    return [found for each in options.__subclasses__() for found in (each, *subclasses(each))]


CLASSES: tuple[Any, ...] = tuple(found for found in subclasses(Options) if found.__module__.startswith("sqlclust."))
WHOLE = "a whole number of at least"
ALLOWED = ", ".join(names(HdbscanOptions))

BAD_VALUES: list[tuple[str, Any, str]] = [
    ("min_cluster_size", 1, f"found 1, expected {WHOLE} 2 and at most 2147483647"),
    ("min_cluster_size", 5.0, f"found 5.0, expected {WHOLE} 2 and at most 2147483647"),
    ("min_cluster_size", "14", f"found '14', expected {WHOLE} 2 and at most 2147483647"),
    ("min_cluster_size", True, f"found True, expected {WHOLE} 2 and at most 2147483647"),
    ("min_cluster_size", 2**31, f"found 2147483648, expected {WHOLE} 2 and at most 2147483647"),
    ("min_samples", 0, f"found 0, expected {WHOLE} 1 and at most 2147483647"),
    (
        "min_samples",
        10**5000,
        f"found a value of type int, too long to show, expected {WHOLE} 1 and at most 2147483647",
    ),
    ("min_samples", np.float32(3), f"found {np.float32(3)!r}, expected {WHOLE} 1 and at most 2147483647"),
    ("min_samples", np.array([3, 4]), f"found array([3, 4]), expected {WHOLE} 1 and at most 2147483647"),
    ("max_cluster_size", -1, f"found -1, expected {WHOLE} 0 and at most 2147483647"),
    ("max_cluster_size", None, f"found None, expected {WHOLE} 0 and at most 2147483647"),
    ("cluster_selection_epsilon", -0.1, "found -0.1, expected a number of at least 0"),
    ("cluster_selection_epsilon", float("nan"), "found nan, expected a number of at least 0"),
    ("cluster_selection_epsilon", float("inf"), "found inf, expected a number of at least 0"),
    ("cluster_selection_epsilon", "0.4", "found '0.4', expected a number of at least 0"),
    ("cluster_selection_epsilon", False, "found False, expected a number of at least 0"),
    (
        "cluster_selection_epsilon",
        10**5000,
        "found a value of type int, too long to show, expected a number of at least 0",
    ),
    ("cluster_selection_persistence", -1, "found -1, expected a number of at least 0"),
    ("alpha", 0, "found 0, expected a number of at least 0.001 and at most 1000"),
    ("alpha", 1e-200, "found 1e-200, expected a number of at least 0.001 and at most 1000"),
    ("alpha", 1001, "found 1001, expected a number of at least 0.001 and at most 1000"),
    ("cluster_selection_method", "EOM", "found 'EOM', expected 'eom' or 'leaf'"),
    ("cluster_selection_method", None, "found None, expected 'eom' or 'leaf'"),
    ("metric", "manhattan", "found 'manhattan', expected 'euclidean' or 'cosine'"),
    ("metric", ["cosine"], "found ['cosine'], expected 'euclidean' or 'cosine'"),
    ("metric", np.array(["a", "b"]), "found array(['a', 'b'], dtype='<U1'), expected 'euclidean' or 'cosine'"),
    ("metric", "x" * 500, f"found '{'x' * 79}… (502 characters), expected 'euclidean' or 'cosine'"),
    ("normalize", 1, "found 1, expected true or false"),
    ("normalize", "true", "found 'true', expected true or false"),
    ("allow_single_cluster", None, "found None, expected true or false"),
    ("downsample", 0, f"found 0, expected {WHOLE} 1 and at most 2147483647"),
    ("seed", -1, f"found -1, expected {WHOLE} 0 and at most 2147483647"),
]


@pytest.mark.parametrize(
    ("option", "value", "message"), BAD_VALUES, ids=[f"{option} {message[6:26]}" for option, _, message in BAD_VALUES]
)
def test_bad_values(option: str, value: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(HdbscanOptions, {option: value})
    assert str(caught.value) == f"option '{option}': {message}"
    assert caught.value.option == option
    assert caught.value.found is value


GOOD_VALUES: list[tuple[str, Any, Any]] = [
    ("min_cluster_size", None, None),
    ("min_cluster_size", 2, 2),
    ("min_samples", 2**31 - 1, 2**31 - 1),
    ("min_samples", np.int64(7), 7),
    ("min_samples", np.array(7), 7),
    ("cluster_selection_epsilon", 1, 1.0),
    ("cluster_selection_epsilon", np.float32(0.5), 0.5),
    ("cluster_selection_epsilon", 10**300, 1e300),
    ("alpha", 0.001, 0.001),
    ("alpha", 1000, 1000.0),
    ("normalize", False, False),
    ("normalize", np.True_, True),
    ("cluster_selection_method", "leaf", "leaf"),
]


@pytest.mark.parametrize(("option", "value", "expected"), GOOD_VALUES)
def test_good_values(option: str, value: Any, expected: Any) -> None:
    found = getattr(parse(HdbscanOptions, {option: value}), option)
    assert found == expected
    assert type(found) is type(expected)


def test_the_first_wrong_option_is_the_one_that_is_named() -> None:
    with pytest.raises(OptionError, match=r"^option 'min_cluster_size'"):
        parse(HdbscanOptions, {"min_cluster_size": 1, "eps": 0.4})
    with pytest.raises(UnknownOptionError, match=r"^unknown option 'eps'"):
        parse(HdbscanOptions, {"eps": 0.4, "min_cluster_size": 1})


def test_unknown_option_lists_the_known() -> None:
    with pytest.raises(UnknownOptionError) as caught:
        parse(HdbscanOptions, {"min_cluster_size": 5, "eps": 0.4})
    assert str(caught.value) == f"unknown option 'eps'; allowed are {ALLOWED}"
    assert caught.value.allowed == names(HdbscanOptions)
    for name in ("format", "duplicates"):
        with pytest.raises(
            UnknownOptionError,
            match=r"\. (duplicates is an option of|The format of points is said where they are made, to) clust_points",
        ):
            parse(HdbscanOptions, {name: "float64"})
    for name, options in (("update", HdbscanOptions), ("like", HdbscanOptions), ("like", CutOptions)):
        with pytest.raises(UnknownOptionError, match=r"\. It is about stored (fit|result)s, of clust_fit"):
            parse(options, {name: 1})
    with pytest.raises(UnknownOptionError, match=r"^unknown option 'k'; allowed are duplicates, format$"):
        parse(PointsOptions, {"k": 3})


TAIL = """, expected one JSON object such as '{"min_cluster_size": 14}'"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "NULL"),
        (14, "14"),
        (1.5, "1.5"),
        (b"{}", "b'{}'"),
        ("[]", "'[]'"),
        ("3", "'3'"),
        ("null", "'null'"),
        ("", "'', which is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("[01]", "'[01]', which is not JSON (Expecting ',' delimiter: line 1 column 3 (char 2))"),
        ('{"seed": 1} x', "'{\"seed\": 1} x', which is not JSON (Extra data: line 1 column 13 (char 12))"),
        ('{"seed": 1, "seed": 2}', "a key that occurs twice"),
        ('{"a": {"b": 1, "b": 1}}', "a key that occurs twice"),
        (" " * 100_001, "100,001 characters"),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_not_one_json_object(text: object, found: str) -> None:
    with pytest.raises(OptionsJSONError) as caught:
        parse_json(HdbscanOptions, text)
    assert str(caught.value) == f"options: found {found}{TAIL}"


def test_json_object() -> None:
    text = '{"min_cluster_size": 14, "cluster_selection_epsilon": 1, "normalize": false, "min_samples": null}'
    assert parse_json(HdbscanOptions, text) == HdbscanOptions(
        min_cluster_size=14, cluster_selection_epsilon=1.0, normalize=False
    )
    assert parse_json(HdbscanOptions, " {} ") == HdbscanOptions()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400])
def test_json_numbers_that_are_none(number: str) -> None:
    with pytest.raises(OptionError, match="expected a number of at least 0"):
        parse_json(HdbscanOptions, f'{{"cluster_selection_epsilon": {number}}}')


def test_an_integer_too_long_for_python() -> None:
    with pytest.raises(OptionsJSONError, match="which is not JSON"):
        parse_json(HdbscanOptions, f'{{"seed": {"1" * 5000}}}')


@pytest.mark.parametrize("depth", [10, 300, 900, 980, 1000, 5000, 40_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_deep_json(depth: int, brackets: str) -> None:
    opening, closing = brackets[:-1], brackets[-1]
    nested = opening * depth + "1" + closing * depth
    with pytest.raises(SqlclustError):
        parse_json(HdbscanOptions, nested[:99_000])
    with pytest.raises(SqlclustError):
        parse_json(HdbscanOptions, f'{{"metric": {nested}}}')


@pytest.mark.parametrize("options", CLASSES)
@given(text=st.text())
def test_any_text_gives_options_or_our_error(options: Any, text: str) -> None:
    message = ""
    try:
        assert isinstance(parse_json(options, text), options)
    except SqlclustError as error:
        message = str(error)
    assert len(message) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@pytest.mark.parametrize("options", CLASSES)
@settings(max_examples=200)
@given(data=st.data())
def test_any_json_object_gives_options_or_our_error(options: Any, data: st.DataObject) -> None:
    keys = st.sampled_from(names(options)) | st.text(max_size=8)
    text = json.dumps(data.draw(st.dictionaries(keys, json_values, max_size=3)))
    try:
        parsed = parse_json(options, text)
    except SqlclustError:
        return
    for field in dataclasses.fields(options):
        value = getattr(parsed, field.name)
        assert (value is None and field.default is None) or type(value) is field.metadata["kind"]
    assert parse(options, {name: getattr(parsed, name) for name in names(options)}) == parsed
    hash(parsed)


@pytest.mark.parametrize(
    ("n", "given_options", "expected"),
    [
        (1, {}, (5, 1)),
        (2, {}, (5, 1)),
        (5, {}, (5, 4)),
        (6, {}, (5, 5)),
        (5_999, {}, (5, 5)),
        (6_000, {}, (6, 6)),
        (14_160, {}, (14, 14)),
        (15_999, {}, (15, 15)),
        (1_400_000, {}, (1400, 15)),
        (100, {"min_cluster_size": 3}, (3, 3)),
        (100, {"min_cluster_size": 40}, (40, 15)),
        (100, {"min_cluster_size": 40, "min_samples": 30}, (40, 30)),
        (100, {"min_samples": 1000}, (5, 99)),
        (3, {"min_cluster_size": 500}, (500, 2)),
    ],
)
def test_resolved_defaults(n: int, given_options: dict[str, Any], expected: tuple[int, int]) -> None:
    resolved = parse(HdbscanOptions, given_options).resolved(n)
    assert (resolved.min_cluster_size, resolved.min_samples) == expected
    assert resolved.engine == "exact"
    assert resolved.resolved(n) == resolved


def test_the_other_defaults() -> None:
    found = HdbscanOptions().as_dict()
    assert found == {
        "min_cluster_size": None,
        "min_samples": None,
        "cluster_selection_epsilon": 0.0,
        "cluster_selection_method": "eom",
        "cluster_selection_persistence": 0.0,
        "max_cluster_size": 0,
        "allow_single_cluster": False,
        "alpha": 1.0,
        "metric": "euclidean",
        "normalize": True,
        "engine": "auto",
        "downsample": 1,
        "seed": 0,
    }


def test_what_a_result_keeps_of_the_format() -> None:
    assert "format" not in FitOptions().as_dict()
    assert FitOptions(format="float32").as_dict() == {**HdbscanOptions().as_dict(), "format": "float32"}


def test_what_a_result_keeps_of_the_one_it_is_like() -> None:
    assert "like" not in FitOptions().as_dict()
    assert FitOptions(like=7).as_dict() == {**HdbscanOptions().as_dict(), "like": 7}


@pytest.mark.parametrize(
    ("options", "needed"),
    [({}, True), ({"normalize": False}, False), ({"normalize": False, "metric": "cosine"}, True)],
)
def test_when_zero_vectors_are_refused(options: dict[str, Any], needed: bool) -> None:
    assert parse(HdbscanOptions, options).needs_directions is needed


@pytest.mark.parametrize("options", CLASSES)
def test_every_option_is_described_and_its_default_allowed(options: Any) -> None:
    for field in dataclasses.fields(options):
        assert field.metadata["help"]
        assert default_text(field)
        if field.default is None:
            assert field.metadata["auto"]
        assert parse(options, {field.name: field.default}) == options()


def test_every_function_takes_options_of_this_registry_and_none_is_left_over() -> None:
    assert {*OPTIONS.values(), CutOptions} == set(CLASSES)  # that one is what others have in common
    assert {StoredFitOptions, FitOptions, PointsOptions, DoctorOptions} < set(CLASSES)


def test_types_that_are_said_twice_are_the_same() -> None:
    assert FitOptions.__dataclass_fields__["format"].metadata["choices"] == (STORED_FORMAT.name,)


def test_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        HdbscanOptions().seed = 3  # type: ignore[misc]
