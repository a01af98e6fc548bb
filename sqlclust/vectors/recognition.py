"""Whether bytes that are taken for float32 are numbers of another format, told from a sample of rows, by strong evidence only.

A float has a sign, an exponent and a mantissa. Numbers of one column are of similar size, so in the right format the exponent
takes few of its values; the mantissa takes any. Bytes read in the wrong format show it: exponents turn up where the low bits of
the mantissa should be, or mantissas where the exponent should be.

Float32 is refused only if the bytes have the order of another format *and* have no order as float32. Real data may be odd in
other ways: all of it 1e-30, magnitudes that differ by column, few different values, zeros in half of the columns, mantissas that
end in zeros. Such data has no order in another format, and is not refused. The price: data of another format is not recognised
if it gives too little to go by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORDS, _ROWS = 1 << 13, 128
"""Words of four bytes, and rows, that are looked at at most."""
_LEAST_ROWS = 4
_Words = NDArray[np.uint32]
_Counts = NDArray[np.int64]

_SIXTEENTHS = 16
"""Bins for the upper four bits of a byte."""
_UNIFORM = 1 / _SIXTEENTHS
"""Their collision probability if each is as likely as the others."""


def resembles(rows: NDArray[np.uint8]) -> tuple[str, ...]:
    """The formats that bytes resemble, the likeliest first; none if they may be float32.

    Args:
        rows: uint8 (n, width), width a multiple of 4: vectors, as they are stored. Only a part is looked at.

    Cost: at most 8,192 words of 4 bytes; a quarter of a millisecond for float32.
    """
    n, width = rows.shape
    if n < _LEAST_ROWS or width % 4 or not width:
        return ()
    rows = rows[:_ROWS]
    count = max(2, _WORDS // len(rows) // 2 * 2)  # of words: whole numbers of eight bytes too
    words = np.ascontiguousarray(rows[:, : 4 * count]).view("<u4").astype(np.uint32, copy=False)
    return _recognized_float64(words) or _recognized_bytes(words) or _recognized_halves(words)


def _collisions(counts: _Counts) -> float:
    """Collision probability: the chance that two of those counted are in the same bin. It is 1 / bins if they are uniform.

    Σ c·(c − 1) / (N·(N − 1)), with c the count of a bin and N their sum.
    """
    total = int(counts.sum())
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 0.0


def _common_share(a: _Counts, b: _Counts) -> float:
    """What two distributions have in common, from 0 to 1: Σ min(a / Σa, b / Σb)."""
    return float(np.minimum(a / max(a.sum(), 1), b / max(b.sum(), 1)).sum())


def _exponents(words: _Words) -> NDArray[np.int32]:
    """The exponents, 0 to 255, of words read as float32."""
    return (words >> np.uint32(23) & np.uint32(0xFF)).astype(np.int32)


def _mean_exponent_step(exponents: NDArray[np.int32], present: NDArray[np.bool_]) -> float:
    """Mean difference of the exponents of neighbouring rows in a column: 1 to 3 if its numbers are of similar size."""
    both = present[1:] & present[:-1]
    return float(np.abs(np.diff(exponents, axis=0))[both].mean()) if both.any() else 0.0


# --- float64: the even words are low mantissas -----------------------------------------------------------------------

_LOW_29_BITS = np.uint32(0x1FFFFFFF)
_HUGE, _TINY = 167, 87
"""Exponents of 2^40 and 2^-40."""


def _recognized_float64(words: _Words) -> tuple[str, ...]:
    """float64, if the upper words of pairs have usual exponents of float64, and the lower ones are no float32 numbers."""
    if words.shape[1] % 2:
        return ()
    low, high = words[:, 0::2], words[:, 1::2]
    present = (low != 0) | ((high << np.uint32(1)) != 0)
    exponent = ((high >> np.uint32(20)) & np.uint32(0x7FF)).astype(np.int32) - 1023
    if present.sum() < 16 or np.abs(exponent[present]).max() > 60:
        return ()
    found = low[low != 0]
    if len(found) == 0:
        is_double = _is_double_of_few_bits(high, exponent, present)
    elif not (found & _LOW_29_BITS).any():
        # of float32 values: ±1e-19, ±2, ±4e19 and zeros, half of it the first or the last
        is_double = int(np.count_nonzero(found >> np.uint32(29) & np.uint32(1))) >= max(4, len(found) / 10)
    else:
        exponents = _exponents(low)
        huge = np.count_nonzero(exponents >= _HUGE) / len(found)
        tiny = np.count_nonzero((exponents <= _TINY) & (low != 0)) / len(found)
        is_double = bool(
            len(found) >= 32
            and min(huge, tiny) >= 0.1
            and huge + tiny >= 0.5
            and _mean_exponent_step(exponents, low != 0) >= 40  # in each column: not columns of different magnitudes
        )
    return ("float64",) if is_double else ()


def _is_double_of_few_bits(high: _Words, exponent: NDArray[np.int32], present: NDArray[np.bool_]) -> bool:
    """Whether float64 of few digits, whose low words are all zero; or float32 with zeros in every other column."""
    n, columns = high.shape
    found = high[present]
    if columns < 4 or n < 4 or len(found) < 32 or _unevenness_of_three_bits(found, 20) <= 0.16:
        return False
    numbers = found.astype(np.uint64) << np.uint64(32)
    as_double, as_single = np.abs(numbers.view(np.float64)), np.abs(found.view(np.float32))
    if (as_double == np.rint(as_double)).all() and as_double.max() <= 2.0**24:
        return int(np.count_nonzero(as_single == np.rint(as_single))) < len(found) / 2
    if columns < 8 or n < 8 or (found & np.uint32(63)).any() or np.abs(exponent[present]).max() > 40:
        return False
    octaves = np.log2(as_double)
    spread = float(np.abs(octaves - np.median(octaves)).mean())
    return len(np.unique(found)) >= 16 and float(as_single.max() / as_single.min()) <= 64 and spread <= 4


def _unevenness_of_three_bits(numbers: _Words, place: int) -> float:
    """How uneven three bits from a place on are, as a collision probability: 1/8 for bits of a mantissa, which take any value;
    more for the last bits of an exponent, which do not. Counted among numbers that have the commonest five bits above those.
    """
    above = (numbers >> np.uint32(place + 3) & np.uint32(31)).astype(np.intp)
    commonest = numbers[above == np.bincount(above).argmax()]
    return _collisions(np.bincount((commonest >> np.uint32(place) & np.uint32(7)).astype(np.intp), minlength=8))


# --- float16, bfloat16: the lower halves are numbers too ----------------------------------------------------------------


_HALVES: dict[int, str] = {5: "float16", 8: "bfloat16"}
"""By the number of bits in their exponents."""


def _recognized_halves(words: _Words) -> tuple[str, ...]:
    """float16 or bfloat16, if the lower two bytes look like numbers of the same kind as the upper two."""
    low, high = words & np.uint32(0xFFFF), words >> np.uint32(16)
    signs = np.concatenate([low, high], axis=1) >> np.uint32(15)
    low, high = low[low & np.uint32(0x7FFF) != 0], high[high & np.uint32(0x7FFF) != 0]
    if len(low) < 32 or len(high) < 32:
        return ()
    found = _with_exponents_in_both(low, high) or _with_equal_values_in_both(low, high)
    if len(found) < 2:
        return tuple(_HALVES[bits] for bits in found)
    both = np.concatenate([low, high])
    # The upper five bits are exponent in both formats. The next three are mantissa in float16 and exponent in bfloat16. They are
    # uneven if they are exponent, and also if float16 numbers are near each other.
    unevenness = _unevenness_of_three_bits(both, 7)
    if unevenness <= 0.16:
        return ("float16",)
    negative = signs.mean(axis=0)
    if np.mean((negative > 0.1) & (negative < 0.9)) >= 0.5:  # float16 near each other on both sides of zero is unlikely
        return ("bfloat16",) if unevenness > 0.18 else ("float16", "bfloat16")
    return ("bfloat16", "float16") if _rather_bfloat16(both) else ("float16", "bfloat16")


def _with_exponents_in_both(low: _Words, high: _Words) -> list[int]:
    """By exponent bits, the formats in which both halves look like numbers: the same few exponents, and a mantissa."""
    if not any(_has_exponents(low, bits, of_each=False) for bits in _HALVES):
        return []
    each = np.unique(low)  # values that come often say it once
    return [
        bits
        for bits in _HALVES
        if _has_exponents(each, bits, of_each=True) and _have_the_same_exponents(low, high, bits)
    ]


def _with_equal_values_in_both(low: _Words, high: _Words) -> list[int]:
    """By exponent bits, the formats in which both halves are numbers, if both have the same few values.

    The halves of a float32 do not: one has sign, exponent and mantissa, the other only mantissa.
    """
    counts = [np.bincount(half.astype(np.intp), minlength=1 << 16) for half in (low, high)]
    if np.count_nonzero(counts[0]) < 6 or _collisions(counts[0]) > 0.5 or _common_share(*counts) < 0.75:
        return []
    both = np.concatenate([low, high])
    parts = [
        np.bincount((both >> np.uint32(place) & np.uint32(0xFF)).astype(np.intp), minlength=256) for place in (0, 8)
    ]
    if _common_share(*parts) > 0.2:  # of bytes that are numbers
        return []
    is_float16 = _only_between(_exponent_counts(both, 5), 1, 30)
    is_bfloat16 = _only_between(_exponent_counts(both, 8), *_USUAL)
    return [bits for bits, fits in ((5, is_float16), (8, is_bfloat16)) if fits]


_USUAL = 127 - 30, 127 + 30
"""Exponents of bfloat16 that data has: 2^-30 to 2^30."""


def _only_between(counts: _Counts, least: int, most: int) -> bool:
    """Whether nothing is counted below the least bin or above the greatest one."""
    return not counts[:least].any() and not counts[most + 1 :].any()


def _rather_bfloat16(halves: _Words) -> bool:
    """Whether bfloat16 is likelier where float16 fits too: its numbers span many octaves, or are few different ones."""
    counts = _exponent_counts(halves, 8)
    if not _only_between(counts, *_USUAL):
        return False
    return bool(np.count_nonzero(counts >= len(halves) / 50) >= 5 or len(np.unique(halves)) < 64)


def _exponent_counts(halves: _Words, bits: int) -> _Counts:
    """How often each exponent occurs in halves whose exponents have so many bits."""
    fields = halves >> np.uint32(15 - bits) & np.uint32(2**bits - 1)
    return np.bincount(fields.astype(np.intp), minlength=2**bits)


def _has_exponents(low: _Words, bits: int, *, of_each: bool) -> bool:
    """Whether lower halves have exponents, which are uneven, and a mantissa. In float32 they are random or zero."""
    if of_each and len(low) < 32:
        return False
    if _collisions(_exponent_counts(low, bits)) < {5: 0.08, 8: 0.02}[bits]:
        return False
    return not of_each or len(np.unique(low & np.uint32(2 ** (15 - bits) - 1))) >= 16


def _have_the_same_exponents(low: _Words, high: _Words, bits: int) -> bool:
    """Whether lower and upper halves have the same exponents, all are numbers, and some are not next to zero.

    Small integers of two bytes would all be next to zero.
    """
    counts = _exponent_counts(low, bits), _exponent_counts(high, bits)
    return (
        any(count[1:].any() for count in counts)
        and not any(count[-1] for count in counts)
        and _common_share(*counts) >= 0.7
    )


# --- int8, uint8, bit: each byte is like the others ----------------------------------------------------------------------


def _recognized_bytes(words: _Words) -> tuple[str, ...]:
    """int8, uint8 or bit, if the upper four bits of all four bytes are distributed alike, and not as in float32."""
    present = words << np.uint32(1) != 0
    found = words[present]
    n = len(found)
    if n < 64:
        return ()
    parts = np.ascontiguousarray(found).astype("<u4").view(np.uint8).reshape(n, 4)
    counts = [np.bincount(part >> 4, minlength=_SIXTEENTHS) for part in parts.T]
    unevenness = [_collisions(count) for count in counts]
    if max(unevenness) <= 1.3 * _UNIFORM:
        return ("bit", "uint8", "int8") if _is_noise(words, present) else ()
    # 1.77 / n is five times its standard deviation if all four were uniform
    if min(unevenness) < max(1.2 * _UNIFORM, _UNIFORM + 1.77 / n):
        return ()
    least = 0.7 if n >= 256 else 0.65
    pairs = [(a, b) for a in range(4) for b in range(a)]
    if not all(_common_share(counts[a], counts[b]) >= least for a, b in pairs):
        return ()
    if min(len(np.unique(part)) for part in parts.T) < 8 or len(np.unique(found)) < n / 2:
        return ()
    if _mean_exponent_step(_exponents(words), present) < 6:
        return ()
    total = np.sum(counts, axis=0)
    if parts.max() < 128:
        return ("int8", "uint8")  # the same numbers
    # just below zero, or just above 127
    return ("int8", "uint8") if total[15] > total[8] else ("uint8", "int8")


def _is_noise(words: _Words, present: NDArray[np.bool_]) -> bool:
    """Whether every bit of the words is random: as float32, numbers from 1e-38 to 1e38 in one column, and some NaN."""
    exponents = _exponents(words)
    some_are_no_numbers = bool((exponents == 0xFF).any())
    if not some_are_no_numbers and not 256 <= words.size < 1500:  # of 1,500 random words six are none
        return False
    if not len(words) >= 8:
        return False
    coarse = np.bincount((exponents[present] >> 4).astype(np.intp), minlength=_SIXTEENTHS)
    both = (exponents >= 227).any(axis=0) & ((exponents <= 27) & present).any(axis=0)  # 2^100 and 2^-100
    return bool(both.mean() >= 0.5 and coarse.min() > 0 and _collisions(coarse) <= 1.3 * _UNIFORM)
