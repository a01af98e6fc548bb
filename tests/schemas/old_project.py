"""Databases of the project that this one comes from, as `sqlclust adopt` and the doctor meet them; from the public shape of
its schema: table and column names, declared types, UNIQUE and foreign keys. Run it to look at one:

    python -m tests.schemas.old_project old.db medoids UUID
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal, NamedTuple

import apsw

from tests.small import clustered

Shape = Literal["labels", "clusters", "medoids", "plural"]
"""In the order of time. An assignment has: a number, and the medoid's text alone is stored; a row of a table `cluster`; its
medoid's id, NULL for outliers; the same in tables with plural names.
"""
SHAPES: tuple[Shape, ...] = ("labels", "clusters", "medoids", "plural")

MODELS = ("STSBRoberta", "Nomic")
RUNS, STEPS = 4, 20
PER_MODEL = RUNS * STEPS // 2
"""Every other step gives a text, and only texts are embedded."""

DAMAGING = {
    3: "0688868048517e121234567890123456",  # the REAL inf
    7: "06888680485171234567890123456789",  # a REAL of 15 digits
    11: "00000000000000000000000000000042",  # the INTEGER 42
}
"""Ids of embeddings of the first model, by place, that a column declared UUID does not keep."""
DAMAGING_STEP = (5, "0688868048517e991234567890123456")
"""The place of a text whose invocation has such an id."""


class Old(NamedTuple):
    """What is in the file, by the ids that the old program gave."""

    path: Path
    shape: Shape
    runs: list[str]
    texts: list[str]  # ids of the embedded invocations
    embeddings: dict[str, list[str]]  # per model, in the order of `texts`
    labels: list[int]  # of each embedding of a model, in every result
    medoids: list[int]  # places of the medoids of clusters 0, 1, 2
    results: list[str]  # two of the first model, one of the second


def make(path: Path, shape: Shape = "medoids", ids: str = "CHAR(32)", *, damaging: bool = False) -> Old:
    """Write such a database: 4 runs of 20 steps, 40 texts embedded by two models, three results.

    Args:
        ids: the declared type of the id columns: 'CHAR(32)', 'UUID' or 'TEXT'. Under 'clusters' the tables of clusters and
            assignments are declared UUID in any case, as the migration that made them did.
        damaging: let some ids be of digits alone, or of digits and one e; see DAMAGING.
    """
    con = apsw.Connection(str(path))
    con.execute("BEGIN")
    con.execute((_PLURAL if shape == "plural" else _SINGULAR).replace(" ID ", f" {ids} "))
    if shape != "plural":
        con.execute({"labels": _LABELS, "clusters": _CLUSTERS, "medoids": _MEDOIDS}[shape].replace(" ID ", f" {ids} "))
    old = _fill(con, path, shape, damaging)
    con.execute("COMMIT")
    con.close()
    return old


_SINGULAR = """
CREATE TABLE experimentconfig (
    id ID NOT NULL, networks JSON, seeds JSON, prompts JSON, embedding_models JSON, max_length INTEGER NOT NULL,
    started_at DATETIME, completed_at DATETIME, PRIMARY KEY (id));
CREATE TABLE run (
    id ID NOT NULL, network JSON, seed INTEGER NOT NULL, max_length INTEGER NOT NULL, initial_prompt VARCHAR NOT NULL,
    experiment_id ID NOT NULL, PRIMARY KEY (id), FOREIGN KEY(experiment_id) REFERENCES experimentconfig (id));
CREATE TABLE invocation (
    id ID NOT NULL, started_at DATETIME, completed_at DATETIME, model VARCHAR NOT NULL, type VARCHAR(5) NOT NULL,
    seed INTEGER NOT NULL, run_id ID NOT NULL, sequence_number INTEGER NOT NULL, input_invocation_id ID ,
    output_text VARCHAR, output_image_data BLOB, PRIMARY KEY (id), FOREIGN KEY(run_id) REFERENCES run (id),
    FOREIGN KEY(input_invocation_id) REFERENCES invocation (id));
CREATE INDEX ix_invocation_run_id ON invocation (run_id);
CREATE TABLE embedding (
    id ID NOT NULL, started_at DATETIME, completed_at DATETIME, invocation_id ID NOT NULL,
    embedding_model VARCHAR NOT NULL, vector BLOB, PRIMARY KEY (id),
    FOREIGN KEY(invocation_id) REFERENCES invocation (id));
CREATE INDEX ix_embedding_invocation_id ON embedding (invocation_id);
CREATE TABLE persistencediagram (
    id ID NOT NULL, started_at DATETIME, completed_at DATETIME, diagram_data BLOB, run_id ID NOT NULL,
    embedding_model VARCHAR NOT NULL, PRIMARY KEY (id), FOREIGN KEY(run_id) REFERENCES run (id));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num));
"""

_LABELS = """
CREATE TABLE clusteringresult (
    id ID NOT NULL, created_at DATETIME NOT NULL, embedding_model VARCHAR NOT NULL, algorithm VARCHAR NOT NULL,
    parameters JSON, clusters JSON, PRIMARY KEY (id));
CREATE TABLE embeddingcluster (
    id ID NOT NULL, embedding_id ID NOT NULL, clustering_result_id ID NOT NULL, cluster_id INTEGER NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(embedding_id) REFERENCES embedding (id),
    FOREIGN KEY(clustering_result_id) REFERENCES clusteringresult (id));
"""

_RESULT = """
CREATE TABLE clusteringresult (
    id ID NOT NULL, created_at DATETIME NOT NULL, started_at DATETIME, completed_at DATETIME,
    embedding_model VARCHAR NOT NULL, algorithm VARCHAR NOT NULL, parameters JSON, PRIMARY KEY (id));
"""

_CLUSTERS = (
    _RESULT
    + """
CREATE TABLE cluster (
    id UUID NOT NULL, clustering_result_id UUID NOT NULL, cluster_id INTEGER NOT NULL, medoid_embedding_id UUID,
    size INTEGER NOT NULL, properties JSON NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(clustering_result_id) REFERENCES clusteringresult (id),
    FOREIGN KEY(medoid_embedding_id) REFERENCES embedding (id),
    CONSTRAINT unique_cluster_per_result UNIQUE (clustering_result_id, cluster_id));
CREATE TABLE "embeddingcluster" (
    id UUID NOT NULL, embedding_id UUID NOT NULL, clustering_result_id UUID NOT NULL, cluster_id UUID NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(embedding_id) REFERENCES embedding (id),
    FOREIGN KEY(clustering_result_id) REFERENCES clusteringresult (id), FOREIGN KEY(cluster_id) REFERENCES cluster (id),
    CONSTRAINT unique_embedding_clustering UNIQUE (embedding_id, clustering_result_id));
CREATE INDEX ix_embeddingcluster_new_embedding_id ON embeddingcluster (embedding_id);
"""
)

_MEDOIDS = (
    _RESULT
    + """
CREATE TABLE embeddingcluster (
    id ID NOT NULL, embedding_id ID NOT NULL, clustering_result_id ID NOT NULL, medoid_embedding_id ID ,
    PRIMARY KEY (id), FOREIGN KEY(clustering_result_id) REFERENCES clusteringresult (id),
    FOREIGN KEY(embedding_id) REFERENCES embedding (id), FOREIGN KEY(medoid_embedding_id) REFERENCES embedding (id),
    CONSTRAINT unique_embedding_clustering UNIQUE (embedding_id, clustering_result_id));
CREATE INDEX ix_embeddingcluster_clustering_result_id ON embeddingcluster (clustering_result_id);
CREATE INDEX ix_embeddingcluster_embedding_id ON embeddingcluster (embedding_id);
CREATE UNIQUE INDEX unique_invocation_embedding_model ON embedding (invocation_id, embedding_model);
"""
)

_PLURAL = """
CREATE TABLE "experiments" ("updated_at" TEXT NOT NULL, "inserted_at" TEXT NOT NULL, "id" ID NOT NULL PRIMARY KEY);
CREATE TABLE "runs" (
    "experiment_id" ID NOT NULL CONSTRAINT "runs_experiment_id_fkey" REFERENCES "experiments"("id"),
    "updated_at" TEXT NOT NULL, "inserted_at" TEXT NOT NULL, "initial_prompt" TEXT NOT NULL, "max_length" INTEGER NOT NULL,
    "network" TEXT NOT NULL, "id" ID NOT NULL PRIMARY KEY, "run_number" INTEGER);
CREATE TABLE "invocations" (
    "input_invocation_id" ID CONSTRAINT "invocations_input_invocation_id_fkey" REFERENCES "invocations"("id"),
    "run_id" ID NOT NULL CONSTRAINT "invocations_run_id_fkey" REFERENCES "runs"("id"), "updated_at" TEXT NOT NULL,
    "inserted_at" TEXT NOT NULL, "completed_at" TEXT, "started_at" TEXT NOT NULL, "output_image" BLOB, "output_text" TEXT,
    "sequence_number" INTEGER NOT NULL, "type" TEXT NOT NULL, "model" TEXT NOT NULL, "id" ID NOT NULL PRIMARY KEY);
CREATE UNIQUE INDEX "invocations_unique_run_sequence_index" ON "invocations" ("run_id", "sequence_number");
CREATE TABLE "embeddings" (
    "invocation_id" ID NOT NULL CONSTRAINT "embeddings_invocation_id_fkey" REFERENCES "invocations"("id"),
    "updated_at" TEXT NOT NULL, "inserted_at" TEXT NOT NULL, "completed_at" TEXT, "started_at" TEXT NOT NULL,
    "vector" BLOB NOT NULL, "embedding_model" TEXT NOT NULL, "id" ID NOT NULL PRIMARY KEY);
CREATE UNIQUE INDEX "embeddings_unique_invocation_model_index" ON "embeddings" ("invocation_id", "embedding_model");
CREATE INDEX "embeddings_id_text_index" ON "embeddings" (CAST(id AS TEXT));
CREATE TABLE "clustering_results" (
    "updated_at" TEXT NOT NULL, "inserted_at" TEXT NOT NULL, "completed_at" TEXT, "started_at" TEXT NOT NULL,
    "parameters" TEXT DEFAULT ('{}'), "algorithm" TEXT NOT NULL, "embedding_model" TEXT NOT NULL,
    "id" ID NOT NULL PRIMARY KEY, "layer" INTEGER DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX "clustering_results_unique_layer_index"
    ON "clustering_results" ("embedding_model", "algorithm", "layer");
CREATE TABLE "embedding_clusters" (
    "medoid_embedding_id" ID CONSTRAINT "embedding_clusters_medoid_embedding_id_fkey" REFERENCES "embeddings"("id"),
    "clustering_result_id" ID NOT NULL
        CONSTRAINT "embedding_clusters_clustering_result_id_fkey" REFERENCES "clustering_results"("id"),
    "embedding_id" ID NOT NULL CONSTRAINT "embedding_clusters_embedding_id_fkey" REFERENCES "embeddings"("id"),
    "updated_at" TEXT NOT NULL, "inserted_at" TEXT NOT NULL, "id" ID NOT NULL PRIMARY KEY);
CREATE UNIQUE INDEX "embedding_clusters_unique_embedding_clustering_index"
    ON "embedding_clusters" ("embedding_id", "clustering_result_id");
CREATE TABLE "schema_migrations" ("version" INTEGER PRIMARY KEY, "inserted_at" TEXT);
"""

_ALGORITHM = {"plural": "evoc"}
_PARAMETERS = [
    {"cluster_selection_epsilon": 0.4, "allow_single_cluster": True},
    {"cluster_selection_epsilon": 0.6, "allow_single_cluster": True},
    {"cluster_selection_epsilon": 0.4, "allow_single_cluster": True},
]


class _Ids:
    """Ids in the order of time, with letters in them that keep them text under any affinity."""

    def __init__(self, *, hyphens: bool) -> None:
        self._hyphens, self._count = hyphens, 0

    def next(self) -> str:
        self._count += 1
        text = f"06888680{self._count:04x}7abcad{self._count * 2654435761 % 2**56:014x}"
        return self.shown(text)

    def shown(self, text: str) -> str:
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])) if self._hyphens else text


def _fill(con: apsw.Connection, path: Path, shape: Shape, damaging: bool) -> Old:
    plural = shape == "plural"
    ids = _Ids(hyphens=plural)
    runs: list[str] = []
    texts: list[str] = []
    experiment = ids.next()
    if plural:
        con.execute("INSERT INTO experiments VALUES (?, ?, ?)", (_time(0, "T"), _time(0, "T"), experiment))
    else:
        con.execute(
            "INSERT INTO experimentconfig VALUES (?, '[]', '[]', '[]', '[]', ?, ?, NULL)", (experiment, STEPS, _time(0))
        )
        con.execute("INSERT INTO alembic_version VALUES ('c9611d0e807d')")
    for run in range(RUNS):
        runs.append(ids.next())
        _add(con, "runs" if plural else "run", plural, run, id=runs[-1], network='["Flux", "BLIP2"]', max_length=STEPS,
             initial_prompt=f"prompt {run}", experiment_id=experiment, **({} if plural else {"seed": run}))  # fmt: skip
        previous = None
        for step in range(STEPS):
            embedded = step % 2 == 1
            step_id = ids.next()
            if damaging and embedded and len(texts) == DAMAGING_STEP[0] and not plural:
                step_id = DAMAGING_STEP[1]
            minute = run * STEPS + step
            kind = "text" if embedded else "image"  # the first program stored the names of an Enum, in capitals
            _add(con, "invocations" if plural else "invocation", plural, minute, id=step_id, run_id=runs[-1],
                 sequence_number=step, type=kind if plural else kind.upper(), model="BLIP2" if embedded else "Flux",
                 input_invocation_id=previous, output_text=f"text {len(texts)}" if embedded else None,
                 started_at=_time(minute, "T" if plural else " "), completed_at=_time(minute, "T" if plural else " "),
                 **({"output_image": None if embedded else b"RIFF"} if plural
                    else {"output_image_data": None if embedded else b"RIFF", "seed": run}))  # fmt: skip
            previous = step_id
            if embedded:
                texts.append(step_id)
    embeddings: dict[str, list[str]] = {}
    for model in MODELS:
        names = [ids.next() for _ in texts]
        if damaging and model == MODELS[0] and not plural:
            names = [DAMAGING.get(place, name) for place, name in enumerate(names)]
        embeddings[model] = names
        vectors = clustered(PER_MODEL, seed=MODELS.index(model))
        for place, (name, text) in enumerate(zip(names, texts, strict=True)):
            minute = RUNS * STEPS + place
            _add(con, "embeddings" if plural else "embedding", plural, minute, id=name, invocation_id=text,
                 embedding_model=model, vector=vectors[place].tobytes(),
                 started_at=_time(minute, "T" if plural else " "),
                 completed_at=_time(minute, "T" if plural else " "))  # fmt: skip
    labels = [place % 3 if place < PER_MODEL - 4 else -1 for place in range(PER_MODEL)]
    medoids = [15, 13, 2]
    results: list[str] = []
    for number, model in enumerate((MODELS[0], MODELS[0], MODELS[1])):
        results.append(ids.next())
        _add_result(con, shape, ids, results[-1], number, model, embeddings[model], labels, medoids)
    return Old(path, shape, runs, texts, embeddings, labels, medoids, results)


def _add_result(
    con: apsw.Connection,
    shape: Shape,
    ids: _Ids,
    result: str,
    number: int,
    model: str,
    names: list[str],
    labels: list[int],
    medoids: list[int],
) -> None:
    plural = shape == "plural"
    minute = 200 + number
    times = {"started_at": _time(minute, "T"), "completed_at": _time(minute + 1, "T")} if plural else {
        "created_at": _time(minute),
        **({} if shape == "labels" else {"started_at": _time(minute), "completed_at": _time(minute + 1)})}  # fmt: skip
    details = [{"id": label, "medoid_text": f"text {medoids[label]}"} for label in range(3)]
    _add(con, "clustering_results" if plural else "clusteringresult", plural, minute, id=result, embedding_model=model,
         algorithm=_ALGORITHM.get(shape, "hdbscan"), parameters=json.dumps(_PARAMETERS[number]), **times,
         **({"layer": number} if plural else {}),
         **({"clusters": json.dumps(details)} if shape == "labels" else {}))  # fmt: skip
    clusters = {label: ids.next() for label in (-1, 0, 1, 2)}
    if shape == "clusters":
        for label, cluster in clusters.items():
            medoid = names[medoids[label]] if label >= 0 else None
            _add(con, "cluster", plural, minute, id=cluster, clustering_result_id=result, cluster_id=label,
                 medoid_embedding_id=medoid, size=labels.count(label), properties="{}")  # fmt: skip
    for name, label in zip(names, labels, strict=True):
        where: dict[str, object]
        if shape == "labels":
            where = {"cluster_id": label}
        elif shape == "clusters":
            where = {"cluster_id": clusters[label]}
        else:
            where = {"medoid_embedding_id": names[medoids[label]] if label >= 0 else None}
        _add(con, "embedding_clusters" if plural else "embeddingcluster", plural, minute, id=ids.next(),
             embedding_id=name, clustering_result_id=result, **where)  # fmt: skip


def _add(con: apsw.Connection, table: str, plural: bool, minute: int, **values: object) -> None:
    if plural:
        values |= {"inserted_at": _time(minute, "T"), "updated_at": _time(minute, "T")}
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    con.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)


def _time(minute: int, between: str = " ") -> str:
    return f"2025-07-16{between}{13 + minute // 60:02}:{minute % 60:02}:03.103438"


if __name__ == "__main__":
    [path_, shape_, *ids_] = sys.argv[1:]
    print(make(Path(path_), next(shape for shape in SHAPES if shape == shape_), *ids_, damaging=True).results)
