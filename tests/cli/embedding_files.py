"""Small files of embeddings, and what they become in a database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from tests.small import blob

EMBEDDINGS = "SELECT id, embedding_model, vector, content, invocation_id FROM Embedding ORDER BY id"


def text_file(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def array_file(path: Path, values: Any) -> Path:
    np.save(path, values)
    return path


def embedding(id: object, *numbers: float, content: str | None = None, step: object = None, model: str = "m") -> Any:
    return id, model, blob(*numbers), content, step


def without_seconds(text: str) -> str:
    return re.sub(r"\(\d+\.\d s\)", "(… s)", text)


def column(path: Path, *ids: str, runs: bool = False) -> Path:
    placed = [f'{id},"[{at}, 1]"' + (f",{id},{at}" if runs else "") for at, id in enumerate(ids)]
    return text_file(path, "id,vector" + (",run_id,sequence_number" if runs else ""), *placed)


def lines(tmp_path: Path, *records: dict[str, object]) -> Path:
    return text_file(tmp_path / "next.jsonl", *records)


BEFORE = [embedding("a", 1, 2, content="first", step=1), embedding("b", 3, 4)]
