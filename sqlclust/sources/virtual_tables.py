"""Virtual tables, read from the text that made them: they are never queried, since that runs whatever module has their name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlclust.sqlite.layout import Layout


@dataclass(frozen=True)
class VirtualTable:
    """A virtual table: its name, its module in lower case, and the module's arguments as they are written."""

    name: str
    module: str
    arguments: tuple[str, ...]


_TOKENS = re.compile(
    r"(?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))"
    r"""|(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"|(?P<word>[^\W\d][\w$]*)|(?P<other>.)",
    re.DOTALL,
)


def virtual_tables(layout: Layout) -> list[VirtualTable]:
    """The virtual tables whose text can be read."""
    found = []
    for name, kind in layout.others.items():
        if kind == "virtual table":
            _, spelt, _, sql = layout.objects[name]
            parsed = _parsed(spelt, sql)
            if parsed is not None:
                found.append(parsed)
    return found


def _parsed(name: str, sql: str) -> VirtualTable | None:
    """CREATE VIRTUAL TABLE [IF NOT EXISTS] [schema .] name USING module [(arguments)]"""
    tokens = _TOKENS.finditer(sql)
    words = (token for token in tokens if not token["space"])
    for token in words:
        if (token["word"] or "").lower() == "using":
            break
    module = next(words, None)
    if module is None or not (module["word"] or module["quoted"]):
        return None
    text = module["word"] or _unquoted(module["quoted"])
    return VirtualTable(name, text.lower(), tuple(_arguments(tokens)))


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[-1] * 2, text[-1]) if text[0] != "[" else text[1:-1]


def _arguments(tokens: Iterable[re.Match[str]]) -> Iterator[str]:
    """The texts between the outermost parentheses, divided at commas that are in no others."""
    depth, text = 0, ""
    for token in tokens:
        mark = token["other"]
        if mark == "(":
            depth += 1
        elif mark == ")":
            depth -= 1
        if depth == 0:
            if mark == ")":
                break
        elif mark == "," and depth == 1:
            yield text.strip()
            text = ""
        elif not (mark == "(" and depth == 1):
            text += " " if token["space"] else token[0]
    if text.strip():
        yield text.strip()


_FTS = "content|segments|segdir|docsize|stat"
SHADOWS = {
    "fts3": _FTS, "fts4": _FTS, "fts5": "data|idx|content|docsize|config", "rtree": "node|rowid|parent",
    "rtree_i32": "node|rowid|parent", "geopoly": "node|rowid|parent", "spellfix1": "vocab",
    "vec0": r"info|chunks|rowids|vector_chunks\d+|metadatachunks\d+|metadatatext\d+|auxiliary",
    "vss0": "index|data",
}  # fmt: skip
"""Module → endings of the tables in which it keeps what it has."""


def shadow_tables(layout: Layout, virtual: Iterable[VirtualTable]) -> set[str]:
    """Tables, in lower case, that belong to virtual tables of known modules."""
    found = set()
    for table in virtual:
        endings = SHADOWS.get(table.module)
        if endings:
            shadow = re.compile(re.escape(table.name.lower()) + f"_(?:{endings})")
            found |= {name for name in layout.tables if shadow.fullmatch(name)}
    return found
