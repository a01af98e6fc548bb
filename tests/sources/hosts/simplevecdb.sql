PRAGMA page_size=4096;
PRAGMA writable_schema=ON;
BEGIN TRANSACTION;
CREATE TABLE items_kept (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                text TEXT NOT NULL,
                metadata TEXT,
                embedding BLOB,
                parent_id INTEGER REFERENCES items_kept(id) ON DELETE SET NULL
            );
INSERT INTO items_kept VALUES(1,'t0','{}',X'000000BF000000BE0000803E0000203F',NULL);
INSERT INTO items_kept VALUES(2,'t1','{}',X'0000C03E0000403F000080BE0000003E',NULL);
INSERT INTO items_kept VALUES(3,'t2','{}',X'000000BE0000803E0000203F0000C0BE',NULL);
INSERT INTO items_kept VALUES(4,'t3','{}',X'0000403F000080BE0000003E0000003F',NULL);
INSERT INTO items_kept VALUES(5,'t4','{}',X'0000803E0000203F0000C0BE00000000',NULL);
INSERT INTO items_kept VALUES(6,'t5','{}',X'000080BE0000003E0000003F000000BF',NULL);
INSERT INTO items_kept VALUES(7,'t6','{}',X'0000203F0000C0BE000000000000C03E',NULL);
INSERT INTO items_kept VALUES(8,'t7','{}',X'0000003E0000003F000000BF000000BE',NULL);
INSERT INTO items_kept VALUES(9,'t8','{}',X'0000C0BE000000000000C03E0000403F',NULL);
INSERT INTO items_kept VALUES(10,'t9','{}',X'0000003F000000BF000000BE0000803E',NULL);
INSERT INTO items_kept VALUES(11,'t10','{}',X'000000000000C03E0000403F000080BE',NULL);
INSERT INTO items_kept VALUES(12,'t11','{}',X'000000BF000000BE0000803E0000203F',NULL);
CREATE INDEX idx_items_kept_parent
            ON items_kept(parent_id)
            WHERE parent_id IS NOT NULL
            ;
CREATE INDEX idx_items_kept_text
            ON items_kept(text)
            ;
CREATE TABLE items_kept_clusters (
                    name TEXT PRIMARY KEY,
                    algorithm TEXT NOT NULL,
                    n_clusters INTEGER NOT NULL,
                    centroids BLOB,
                    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
                    metadata TEXT
                );
CREATE TABLE items_kept_edges (
                src_id     INTEGER NOT NULL
                           REFERENCES items_kept(id) ON DELETE CASCADE,
                dst_id     INTEGER NOT NULL
                           REFERENCES items_kept(id) ON DELETE CASCADE,
                kind       TEXT NOT NULL DEFAULT '',
                weight     REAL NOT NULL DEFAULT 0.0,
                hits       INTEGER NOT NULL DEFAULT 0,
                bonus      REAL NOT NULL DEFAULT 0.0,
                last_touch REAL NOT NULL,
                metadata   TEXT,
                PRIMARY KEY (src_id, dst_id, kind)
            );
CREATE INDEX idx_items_kept_edges_dst
            ON items_kept_edges(dst_id, kind)
            ;
CREATE INDEX idx_items_kept_edges_last_touch
            ON items_kept_edges(kind, last_touch)
            ;
CREATE INDEX idx_items_kept_edges_weight
            ON items_kept_edges(kind, weight)
            ;
CREATE TABLE items_kept_events (
                seq     INTEGER PRIMARY KEY AUTOINCREMENT,
                ts      REAL NOT NULL,
                kind    TEXT NOT NULL,
                doc_id  INTEGER,
                payload TEXT
            );
CREATE INDEX idx_items_kept_events_kind_seq
            ON items_kept_events(kind, seq)
            ;
DELETE FROM sqlite_schema WHERE name='items_kept_fts' AND type='table';
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table','items_kept_fts','items_kept_fts',0,'CREATE VIRTUAL TABLE items_kept_fts
                    USING fts5(text)');
CREATE TABLE 'items_kept_fts_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO items_kept_fts_config VALUES('version',4);
CREATE TABLE 'items_kept_fts_content'(id INTEGER PRIMARY KEY, c0);
INSERT INTO items_kept_fts_content VALUES(1,'t0');
INSERT INTO items_kept_fts_content VALUES(2,'t1');
INSERT INTO items_kept_fts_content VALUES(3,'t2');
INSERT INTO items_kept_fts_content VALUES(4,'t3');
INSERT INTO items_kept_fts_content VALUES(5,'t4');
INSERT INTO items_kept_fts_content VALUES(6,'t5');
INSERT INTO items_kept_fts_content VALUES(7,'t6');
INSERT INTO items_kept_fts_content VALUES(8,'t7');
INSERT INTO items_kept_fts_content VALUES(9,'t8');
INSERT INTO items_kept_fts_content VALUES(10,'t9');
INSERT INTO items_kept_fts_content VALUES(11,'t10');
INSERT INTO items_kept_fts_content VALUES(12,'t11');
CREATE TABLE 'items_kept_fts_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO items_kept_fts_data VALUES(1,X'0C0C');
INSERT INTO items_kept_fts_data VALUES(10,X'000000000101010001010101');
INSERT INTO items_kept_fts_data VALUES(137438953473,X'0000004D033074300102020201310202020301300B02020301310C02020201320302020201330402020201340502020201350602020201360702020201370802020201380902020201390A0202040706060606060606060606');
CREATE TABLE 'items_kept_fts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO items_kept_fts_docsize VALUES(1,X'01');
INSERT INTO items_kept_fts_docsize VALUES(2,X'01');
INSERT INTO items_kept_fts_docsize VALUES(3,X'01');
INSERT INTO items_kept_fts_docsize VALUES(4,X'01');
INSERT INTO items_kept_fts_docsize VALUES(5,X'01');
INSERT INTO items_kept_fts_docsize VALUES(6,X'01');
INSERT INTO items_kept_fts_docsize VALUES(7,X'01');
INSERT INTO items_kept_fts_docsize VALUES(8,X'01');
INSERT INTO items_kept_fts_docsize VALUES(9,X'01');
INSERT INTO items_kept_fts_docsize VALUES(10,X'01');
INSERT INTO items_kept_fts_docsize VALUES(11,X'01');
INSERT INTO items_kept_fts_docsize VALUES(12,X'01');
CREATE TABLE 'items_kept_fts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO items_kept_fts_idx VALUES(1,X'',2);
CREATE TABLE items_kept_pending_vectors (
                doc_id      INTEGER PRIMARY KEY
                            REFERENCES items_kept(id) ON DELETE CASCADE,
                embedding   BLOB NOT NULL,
                source      TEXT,
                enqueued_at REAL NOT NULL
            );
CREATE TABLE items_kept_ttl (
                doc_id     INTEGER PRIMARY KEY
                           REFERENCES items_kept(id) ON DELETE CASCADE,
                expires_at REAL NOT NULL,
                on_expire  TEXT NOT NULL DEFAULT 'delete'
            );
CREATE INDEX idx_items_kept_ttl_expires
            ON items_kept_ttl(expires_at)
            ;
CREATE TABLE tinyvec_items (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                text TEXT NOT NULL,
                metadata TEXT,
                embedding BLOB,
                parent_id INTEGER REFERENCES tinyvec_items(id) ON DELETE SET NULL
            );
INSERT INTO tinyvec_items VALUES(1,'a','{}',NULL,NULL);
INSERT INTO tinyvec_items VALUES(2,'b','{}',NULL,NULL);
CREATE INDEX idx_tinyvec_items_parent
            ON tinyvec_items(parent_id)
            WHERE parent_id IS NOT NULL
            ;
CREATE INDEX idx_tinyvec_items_text
            ON tinyvec_items(text)
            ;
CREATE TABLE tinyvec_items_clusters (
                    name TEXT PRIMARY KEY,
                    algorithm TEXT NOT NULL,
                    n_clusters INTEGER NOT NULL,
                    centroids BLOB,
                    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
                    metadata TEXT
                );
CREATE TABLE tinyvec_items_edges (
                src_id     INTEGER NOT NULL
                           REFERENCES tinyvec_items(id) ON DELETE CASCADE,
                dst_id     INTEGER NOT NULL
                           REFERENCES tinyvec_items(id) ON DELETE CASCADE,
                kind       TEXT NOT NULL DEFAULT '',
                weight     REAL NOT NULL DEFAULT 0.0,
                hits       INTEGER NOT NULL DEFAULT 0,
                bonus      REAL NOT NULL DEFAULT 0.0,
                last_touch REAL NOT NULL,
                metadata   TEXT,
                PRIMARY KEY (src_id, dst_id, kind)
            );
CREATE INDEX idx_tinyvec_items_edges_dst
            ON tinyvec_items_edges(dst_id, kind)
            ;
CREATE INDEX idx_tinyvec_items_edges_last_touch
            ON tinyvec_items_edges(kind, last_touch)
            ;
CREATE INDEX idx_tinyvec_items_edges_weight
            ON tinyvec_items_edges(kind, weight)
            ;
CREATE TABLE tinyvec_items_events (
                seq     INTEGER PRIMARY KEY AUTOINCREMENT,
                ts      REAL NOT NULL,
                kind    TEXT NOT NULL,
                doc_id  INTEGER,
                payload TEXT
            );
CREATE INDEX idx_tinyvec_items_events_kind_seq
            ON tinyvec_items_events(kind, seq)
            ;
DELETE FROM sqlite_schema WHERE name='tinyvec_items_fts' AND type='table';
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table','tinyvec_items_fts','tinyvec_items_fts',0,'CREATE VIRTUAL TABLE tinyvec_items_fts
                    USING fts5(text)');
CREATE TABLE 'tinyvec_items_fts_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO tinyvec_items_fts_config VALUES('version',4);
CREATE TABLE 'tinyvec_items_fts_content'(id INTEGER PRIMARY KEY, c0);
INSERT INTO tinyvec_items_fts_content VALUES(1,'a');
INSERT INTO tinyvec_items_fts_content VALUES(2,'b');
CREATE TABLE 'tinyvec_items_fts_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO tinyvec_items_fts_data VALUES(1,X'0202');
INSERT INTO tinyvec_items_fts_data VALUES(10,X'000000000101010001010101');
INSERT INTO tinyvec_items_fts_data VALUES(137438953473,X'000000100230610102020101620202020406');
CREATE TABLE 'tinyvec_items_fts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO tinyvec_items_fts_docsize VALUES(1,X'01');
INSERT INTO tinyvec_items_fts_docsize VALUES(2,X'01');
CREATE TABLE 'tinyvec_items_fts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO tinyvec_items_fts_idx VALUES(1,X'',2);
CREATE TABLE tinyvec_items_pending_vectors (
                doc_id      INTEGER PRIMARY KEY
                            REFERENCES tinyvec_items(id) ON DELETE CASCADE,
                embedding   BLOB NOT NULL,
                source      TEXT,
                enqueued_at REAL NOT NULL
            );
CREATE TABLE tinyvec_items_ttl (
                doc_id     INTEGER PRIMARY KEY
                           REFERENCES tinyvec_items(id) ON DELETE CASCADE,
                expires_at REAL NOT NULL,
                on_expire  TEXT NOT NULL DEFAULT 'delete'
            );
CREATE INDEX idx_tinyvec_items_ttl_expires
            ON tinyvec_items_ttl(expires_at)
            ;
DELETE FROM main.sqlite_sequence WHERE name='items_kept';
INSERT INTO main.sqlite_sequence VALUES ('items_kept', 12);
DELETE FROM main.sqlite_sequence WHERE name='tinyvec_items';
INSERT INTO main.sqlite_sequence VALUES ('tinyvec_items', 2);
COMMIT TRANSACTION;
PRAGMA writable_schema=OFF;
BEGIN;
CREATE TABLE no_such_table(x,y,z);
ROLLBACK;
