"""Bad input on the command line: name → arguments, exit status, message."""

from __future__ import annotations

from tests.trust.bad_input_wording import CONDITION, FROM_1, NO_BLOB

# --- the command line: name → arguments, exit status, message -----------------------------------------------------

FIT = ("fit", "DB", "demo")

CLI: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no command": (("nothing",), 2, "No such command 'nothing'."),
    "no statement": (("query", "DB"), 2, "Missing argument 'SQL'."),
    "an unknown option": ((*FIT, "--qqqq", "1"), 2, "No such option '--qqqq'."),
    "a number too small": (
        (*FIT, "--min-cluster-size", "1"), 2,
        "Invalid value for '--min-cluster-size': 1 is not in the range x>=2.",
    ),
    "a number too large": (
        (*FIT, "--min-samples", "2147483648"), 2, f"option 'min_samples': found 2147483648, {FROM_1}",
    ),
    "no number": (
        (*FIT, "--epsilon", "near"), 2,
        "Invalid value for '--epsilon' / '--cluster-selection-epsilon': 'near' is not a valid float range.",
    ),
    "NaN": (
        (*FIT, "--epsilon", "nan"), 2,
        "option 'cluster_selection_epsilon': found nan, expected a number of at least 0",
    ),
    "infinity": ((*FIT, "--alpha", "inf"), 2, "option 'alpha': found inf, expected a number of at least 0.001 and at most 1000"),
    "an unknown choice": (
        (*FIT, "--metric", "l1"), 2, "Invalid value for '--metric': 'l1' is not one of 'euclidean', 'cosine'.",
    ),
    "an unknown model": (
        ("fit", "DB", "nope"), 1, "no embeddings of model 'nope'; models in this database: 'demo'",
    ),
    "a model with NUL and a line break": (
        ("fit", "DB", "a\0\nb"), 1, r"no embeddings of model 'a\x00\nb'; models in this database: 'demo'",
    ),
    "a model that is not UTF-8": (
        ("fit", "DB", "\udcff"), 1, r"no embeddings of model '\udcff'; models in this database: 'demo'",
    ),
    "list of an unknown model": (
        ("list", "DB", "nope"), 1, "no embeddings of model 'nope'; models in this database: 'demo'",
    ),
    "where of two lines": (
        (*FIT, "--where", "nope\n= 1"), 1, rf"where 'nope\n= 1': no such column: nope; {CONDITION}",
    ),
    "where with NUL": ((*FIT, "--where", "1\0"), 1, rf"where '1\x00': it has a NUL character; {CONDITION}"),
    "where that writes": (
        (*FIT, "--where", "1; DELETE FROM Embedding"), 1,
        f"where '1; DELETE FROM Embedding': near \";\": syntax error; {CONDITION}",
    ),
    "a result that is not there": (("show", "DB", "9"), 1, "no clustering result '9'; ids here: 1"),
    "a result by a fraction": (("show", "DB", "1.0"), 1, "no clustering result '1.0'; ids here: 1"),
    "a result by half a character": (("compare", "DB", "1", "\udcff"), 1, r"no clustering result '\udcff'; ids here: 1"),
    "a result of 5,000 digits": (
        ("predict", "DB", "9" * 5_000), 1, "no clustering result '" + "9" * 79 + "… (5,002 characters); ids here: 1",
    ),
    "a fit that is not there": (("cut", "DB", "9"), 1, "no clustering fit 9; ids here: 1"),
    "a fit by name": (("sweep", "DB", "nope"), 1, "no clustering fit 'nope'; ids here: 1"),
    "a sweep of no number": (
        ("sweep", "DB", "1", "--min-cluster-size", "5,x"), 2,
        "Invalid value for '--min-cluster-size': 'x' is not a whole number; write several with commas between them",
    ),
    "a sweep of too many": (
        ("sweep", "DB", "1", "--min-cluster-size", ",".join(["5"] * 1_001)), 2,
        "option 'min_cluster_size': found '1,001 combinations', expected at most 1,000",
    ),
    "delete of a name": (
        ("delete", "DB", "last"),
        2,
        "Invalid value for '[ID|latest~N]...': 'last' is no result; expected its id, or latest, latest~1, …",
    ),
    "delete of nothing": (("delete", "DB"), 2, "say which: the ID of a result, or several, or --keep N"),
    "delete of what is not there": (("delete", "DB", "9", "--yes"), 1, "no clustering result 9; ids here: 1"),
    "SQL with an error": (("query", "DB", "SELECT nope"), 1, "no such column: nope"),
    "SQL with our error": (("query", "DB", "SELECT clust_norm(1)"), 1, f"clust_norm: the vector is an INTEGER, {NO_BLOB}"),
    "SQL with NUL": (("query", "DB", "SELECT 1\0; DROP TABLE Run"), 2, "the SQL has a NUL character"),
    "SQL that is not UTF-8": (("query", "DB", "SELECT '\udcff'"), 2, "the SQL is not UTF-8"),
    "SQL of two statements": (
        ("query", "DB", "SELECT 1; DROP TABLE Run"), 2, "more than one SQL statement; sqlclust shell runs several",
    ),
    "SQL of none": (("query", "DB", "/* nothing */"), 2, "there is no SQL statement"),
    "SQL that reads TEXT of no UTF-8": (
        ("query", "DB", "SELECT CAST(x'61ff' AS TEXT)"), 1,
        "a value x'61ff' is TEXT that is not UTF-8 (byte 0xff at position 1: invalid start byte); store it as UTF-8, or as a "
        "BLOB",
    ),
    "SQL that loads an extension": (("query", "DB", "SELECT load_extension('x')"), 1, "not authorized"),
    "SQL that writes, read-only": (
        ("query", "DB", "DROP TABLE Run", "--readonly"), 1, "attempt to write a readonly database",
    ),
    "SQL that writes another file, read-only": (
        ("query", "DB", "VACUUM INTO 'FOLDER/copy.db'", "--readonly"), 1,
        "VACUUM INTO writes a file, and --readonly was given",
    ),
    "SQL that makes another file, read-only": (
        ("query", "DB", "ATTACH 'FOLDER/new.db' AS new", "--readonly"), 1, "unable to open database: FOLDER/new.db",
    ),
    "load of no file": (("load", "DB", "FOLDER/no.json", "--model", "m"), 1, "FOLDER/no.json: No such file or directory"),
    "load of another format": (
        ("load", "DB", "VECTORS", "--model", "m", "--format", "npy"), 1,
        "VECTORS: not a readable .npy file: it does not begin as one",
    ),
    "load without a model": (("load", "DB", "FOLDER/no.json"), 2, "Missing option '--model' / '-m'."),
    "load into a folder that is not there": (
        ("load", "FOLDER/nowhere/x.db", "VECTORS", "--model", "m"), 1,
        "FOLDER/nowhere/x.db: cannot be opened: there is no folder FOLDER/nowhere",
    ),
    "load of another dimension": (
        ("load", "DB", "VECTORS", "--model", "demo"), 1,
        "VECTORS: a new vector of model 'demo' has 2 dimensions, expected 8; nothing of the file was written",
    ),
    "init in a folder that is not there": (
        ("init", "FOLDER/nowhere/x.db"), 1,
        "FOLDER/nowhere/x.db: cannot be opened: there is no folder FOLDER/nowhere",
    ),
    "a log that cannot be written": (
        (*FIT, "--log-file", "FOLDER/nowhere/x.log"), 1, "--log-file FOLDER/nowhere/x.log: No such file or directory",
    ),
}  # fmt: skip
