"""Whether bytes taken for float32 are numbers of another format: told from a sample of rows, by strong evidence only.

In the right format the sign and exponent of a number take few of their values, and the mantissa takes any. Read as float32,
numbers of another format show it: sign and exponent turn up where the low mantissa should be, or mantissas where the exponent
should be. Float32 is refused only where the bytes have the order of another format *and* have none as float32. Real data that is
odd in other ways (all of it 1e-30, magnitudes by column, few values, zeros in half of the columns, mantissas of trailing
zeros) has no such order, and is not refused; data of other formats that gives too little to go by is not found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORDS, _ROWS = 1 << 13, 128
_LEAST_ROWS = 4
_Words = NDArray[np.uint32]
_Counts = NDArray[np.int64]

_SIXTEENTHS = 16
_UNIFORM = 1 / _SIXTEENTHS


def resembles(rows: NDArray[np.uint8]) -> tuple[str, ...]:
    """The formats that bytes resemble which are no float32, the likeliest first; none if float32 they may be.

    Args:
        rows: uint8 (n, width), width a multiple of 4: vectors, as they are stored. Of more than a sample a part is looked at.

    Cost: O(8,192) numbers of 4 bytes at the most, a quarter of a millisecond for float32.
    """
    n, width = rows.shape
    if n < _LEAST_ROWS or width % 4 or not width:
        return ()
    rows = rows[:_ROWS]
    count = max(2, _WORDS // len(rows) // 2 * 2)  # of words: whole numbers of eight bytes too
    words = np.ascontiguousarray(rows[:, : 4 * count]).view("<u4").astype(np.uint32, copy=False)
    return _float64(words) or _bytes(words) or _halves(words)


def _collisions(counts: _Counts) -> float:
    """The chance that two of those counted are in one bin: 1 / bins if they are uniform."""
    total = int(counts.sum())
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 0.0


def _overlap(a: _Counts, b: _Counts) -> float:
    """What two distributions have in common, 0 to 1."""
    return float(np.minimum(a / max(a.sum(), 1), b / max(b.sum(), 1)).sum())


def _exponents(words: _Words) -> NDArray[np.int32]:
    return (words >> np.uint32(23) & np.uint32(0xFF)).astype(np.int32)


def _jumps(exponents: NDArray[np.int32], present: NDArray[np.bool_]) -> float:
    """Mean difference of the exponents of neighbouring rows, column by column: 1 to 3 for numbers of one kind."""
    both = present[1:] & present[:-1]
    return float(np.abs(np.diff(exponents, axis=0))[both].mean()) if both.any() else 0.0


# --- float64: the even words are low mantissas -----------------------------------------------------------------------

_LOW_29_BITS = np.uint32(0x1FFFFFFF)
_HUGE, _TINY = 167, 87
"""Exponents of 2^40 and 2^-40."""


def _float64(words: _Words) -> tuple[str, ...]:
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
            and _jumps(exponents, low != 0) >= 40  # in each column: not columns of different magnitudes
        )
    return ("float64",) if is_double else ()


def _is_double_of_few_bits(high: _Words, exponent: NDArray[np.int32], present: NDArray[np.bool_]) -> bool:
    """Whether numbers whose low words are all zero are float64 of few bits, and not float32 with zeros in every other column."""
    n, columns = high.shape
    found = high[present]
    if columns < 4 or n < 4 or len(found) < 32 or _threes(found, 20) <= 0.16:
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


def _threes(numbers: _Words, place: int) -> float:
    """How uneven the three bits at a place are, of those numbers that have the commonest five bits above: 1/8 for bits of a
    mantissa, which take any value; more for the last three bits of an exponent, which do not.
    """
    above = (numbers >> np.uint32(place + 3) & np.uint32(31)).astype(np.intp)
    commonest = numbers[above == np.bincount(above).argmax()]
    return _collisions(np.bincount((commonest >> np.uint32(place) & np.uint32(7)).astype(np.intp), minlength=8))


# --- float16, bfloat16: the lower halves are numbers too ----------------------------------------------------------------


_HALVES: dict[int, str] = {5: "float16", 8: "bfloat16"}
"""By the bits of their exponents."""


def _halves(words: _Words) -> tuple[str, ...]:
    low, high = words & np.uint32(0xFFFF), words >> np.uint32(16)
    signs = np.concatenate([low, high], axis=1) >> np.uint32(15)
    low, high = low[low & np.uint32(0x7FFF) != 0], high[high & np.uint32(0x7FFF) != 0]
    if len(low) < 32 or len(high) < 32:
        return ()
    found = _of_one_order(low, high) or _of_the_same_values(low, high)
    if len(found) < 2:
        return tuple(_HALVES[bits] for bits in found)
    both = np.concatenate([low, high])
    # below five bits that are exponent in both formats, float16 has three of its mantissa; uneven if its numbers are near each
    # other, or if they are the last three of an exponent
    unevenness = _threes(both, 7)
    if unevenness <= 0.16:
        return ("float16",)
    negative = signs.mean(axis=0)
    if np.mean((negative > 0.1) & (negative < 0.9)) >= 0.5:  # float16 near each other on both sides of zero is unlikely
        return ("bfloat16",) if unevenness > 0.18 else ("float16", "bfloat16")
    return ("bfloat16", "float16") if _rather_bfloat16(both) else ("float16", "bfloat16")


def _of_one_order(low: _Words, high: _Words) -> list[int]:
    """In which formats both halves have the order of numbers: exponents that are few and the same, and a mantissa."""
    if not any(_ordered(low, high, bits, of_each=False) for bits in _HALVES):
        return []
    each = np.unique(low)  # values that come often say it once
    return [bits for bits in _HALVES if _ordered(each, high, bits, of_each=True) and _alike(low, high, bits)]


def _of_the_same_values(low: _Words, high: _Words) -> list[int]:
    """In which formats both halves are numbers, if they have the same few values; what is a mantissa and what is a sign, an
    exponent and a mantissa has not.
    """
    counts = [np.bincount(half.astype(np.intp), minlength=1 << 16) for half in (low, high)]
    if np.count_nonzero(counts[0]) < 6 or _collisions(counts[0]) > 0.5 or _overlap(*counts) < 0.75:
        return []
    both = np.concatenate([low, high])
    parts = [
        np.bincount((both >> np.uint32(place) & np.uint32(0xFF)).astype(np.intp), minlength=256) for place in (0, 8)
    ]
    if _overlap(*parts) > 0.2:  # of bytes that are numbers
        return []
    is_float16 = _within(_exponent_counts(both, 5), 1, 30)
    is_bfloat16 = _within(_exponent_counts(both, 8), *_USUAL)
    return [bits for bits, fits in ((5, is_float16), (8, is_bfloat16)) if fits]


_USUAL = 127 - 30, 127 + 30


def _within(counts: _Counts, least: int, most: int) -> bool:
    """Whether all are from the least to the most."""
    return not counts[:least].any() and not counts[most + 1 :].any()


def _rather_bfloat16(halves: _Words) -> bool:
    """Which of the two is likelier where both fit: of bfloat16 numbers over many octaves, or of a grid that is coarse."""
    counts = _exponent_counts(halves, 8)
    if not _within(counts, *_USUAL):
        return False
    return bool(np.count_nonzero(counts >= len(halves) / 50) >= 5 or len(np.unique(halves)) < 64)


def _exponent_counts(halves: _Words, bits: int) -> _Counts:
    fields = halves >> np.uint32(15 - bits) & np.uint32(2**bits - 1)
    return np.bincount(fields.astype(np.intp), minlength=2**bits)


def _ordered(low: _Words, high: _Words, bits: int, *, of_each: bool) -> bool:
    """Whether lower halves have something like an exponent, and a mantissa; those of float32 have random or no bits there."""
    if of_each and len(low) < 32:
        return False
    if _collisions(_exponent_counts(low, bits)) < {5: 0.08, 8: 0.02}[bits]:
        return False
    return not of_each or len(np.unique(low & np.uint32(2 ** (15 - bits) - 1))) >= 16


def _alike(low: _Words, high: _Words, bits: int) -> bool:
    """Whether the exponents of the lower halves are those of the upper halves, and all are numbers; some not next to zero, as
    small integers of two bytes are.
    """
    counts = _exponent_counts(low, bits), _exponent_counts(high, bits)
    return (
        any(count[1:].any() for count in counts) and not any(count[-1] for count in counts) and _overlap(*counts) >= 0.7
    )


# --- int8, uint8, bit: each byte is like the others ----------------------------------------------------------------------


def _bytes(words: _Words) -> tuple[str, ...]:
    present = words << np.uint32(1) != 0
    found = words[present]
    n = len(found)
    if n < 64:
        return ()
    parts = np.ascontiguousarray(found).astype("<u4").view(np.uint8).reshape(n, 4)
    counts = [np.bincount(part >> 4, minlength=_SIXTEENTHS) for part in parts.T]
    evenness = [_collisions(count) for count in counts]
    if max(evenness) <= 1.3 * _UNIFORM:
        return ("bit", "uint8", "int8") if _is_noise(words, present) else ()
    if min(evenness) < max(
        1.2 * _UNIFORM, _UNIFORM + 1.77 / n
    ):  # five times its standard deviation if they were uniform
        return ()
    least = 0.7 if n >= 256 else 0.65
    pairs = [(a, b) for a in range(4) for b in range(a)]
    if not all(_overlap(counts[a], counts[b]) >= least for a, b in pairs):
        return ()
    if min(len(np.unique(part)) for part in parts.T) < 8 or len(np.unique(found)) < n / 2:
        return ()
    if _jumps(_exponents(words), present) < 6:
        return ()
    total = np.sum(counts, axis=0)
    if parts.max() < 128:
        return ("int8", "uint8")  # the same numbers
    # just below zero, or just above 127
    return ("int8", "uint8") if total[15] > total[8] else ("uint8", "int8")


def _is_noise(words: _Words, present: NDArray[np.bool_]) -> bool:
    """Whether words are evenly random in every bit: numbers from 1e-38 to 1e38 in one column, some of them no numbers."""
    exponents = _exponents(words)
    some_are_no_numbers = bool((exponents == 0xFF).any())
    if not some_are_no_numbers and not 256 <= words.size < 1500:  # of 1,500 random words six are none
        return False
    if not len(words) >= 8:
        return False
    coarse = np.bincount((exponents[present] >> 4).astype(np.intp), minlength=_SIXTEENTHS)
    both = (exponents >= 227).any(axis=0) & ((exponents <= 27) & present).any(axis=0)  # 2^100 and 2^-100
    return bool(both.mean() >= 0.5 and coarse.min() > 0 and _collisions(coarse) <= 1.3 * _UNIFORM)
