"""All kinds of sources, in the order in which they look: who knows a table better comes first."""

from __future__ import annotations

from sqlclust.sources.kind import Kind
from sqlclust.sources.kinds.chroma import CHROMA
from sqlclust.sources.kinds.datasette import DATASETTE_EMBEDDINGS
from sqlclust.sources.kinds.files_beside import FAISS, USEARCH
from sqlclust.sources.kinds.langchain import LANGCHAIN
from sqlclust.sources.kinds.langgraph import LANGGRAPH
from sqlclust.sources.kinds.llm import LLM
from sqlclust.sources.kinds.openai_to_sqlite import OPENAI_TO_SQLITE
from sqlclust.sources.kinds.own import SQLCLUST
from sqlclust.sources.kinds.qdrant import QDRANT
from sqlclust.sources.kinds.simplevecdb import SIMPLEVECDB
from sqlclust.sources.kinds.sqlite_vector import SQLITE_VECTOR
from sqlclust.sources.kinds.sqlite_vss import SQLITE_VSS
from sqlclust.sources.kinds.table import TABLE
from sqlclust.sources.kinds.txtai import TXTAI
from sqlclust.sources.kinds.vec0 import VEC0

KINDS: tuple[Kind, ...] = (
    SQLCLUST,
    LLM,
    CHROMA,
    SIMPLEVECDB,
    QDRANT,
    TXTAI,
    LANGGRAPH,
    LANGCHAIN,
    DATASETTE_EMBEDDINGS,
    OPENAI_TO_SQLITE,
    SQLITE_VECTOR,
    VEC0,
    SQLITE_VSS,
    TABLE,
    USEARCH,
    FAISS,
)
