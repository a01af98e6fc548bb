PRAGMA page_size=4096;
PRAGMA writable_schema=ON;
BEGIN TRANSACTION;
CREATE TABLE acquire_write (
                id INTEGER PRIMARY KEY,
                lock_status INTEGER NOT NULL
            );
INSERT INTO acquire_write VALUES(1,1);
CREATE TABLE collection_metadata (
    collection_id TEXT REFERENCES collections(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    str_value TEXT,
    int_value INTEGER,
    float_value REAL, bool_value INTEGER,
    PRIMARY KEY (collection_id, key)
);
CREATE TABLE "collections" (
    id TEXT PRIMARY KEY, -- unique globally
    name TEXT NOT NULL, -- unique per database
    dimension INTEGER,
    database_id TEXT NOT NULL REFERENCES databases(id) ON DELETE CASCADE, config_json_str TEXT, schema_str TEXT,
    UNIQUE (name, database_id)
);
INSERT INTO collections VALUES('ea635da2-48f4-400a-a408-aebe6e5eb8c1','synced',4,'00000000-0000-0000-0000-000000000000','{}','{"defaults":{"string":{"fts_index":{"enabled":false,"config":{}},"string_inverted_index":{"enabled":true,"config":{}}},"float_list":{"vector_index":{"enabled":false,"config":{"space":"l2","embedding_function":{"type":"legacy"},"hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}},"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"embedding_function":{"type":"unknown"},"bm25":false}}},"int":{"int_inverted_index":{"enabled":true,"config":{}}},"float":{"float_inverted_index":{"enabled":true,"config":{}}},"bool":{"bool_inverted_index":{"enabled":true,"config":{}}}},"keys":{"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"space":"l2","embedding_function":{"type":"legacy"},"source_key":"#document","hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}}},"#document":{"string":{"fts_index":{"enabled":true,"config":{}},"string_inverted_index":{"enabled":false,"config":{}}}}}}');
INSERT INTO collections VALUES('a5b9608a-a24c-482d-a817-19a61e8522a9','updated',4,'00000000-0000-0000-0000-000000000000','{}','{"defaults":{"string":{"fts_index":{"enabled":false,"config":{}},"string_inverted_index":{"enabled":true,"config":{}}},"float_list":{"vector_index":{"enabled":false,"config":{"space":"l2","embedding_function":{"type":"legacy"},"hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}},"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"embedding_function":{"type":"unknown"},"bm25":false}}},"int":{"int_inverted_index":{"enabled":true,"config":{}}},"float":{"float_inverted_index":{"enabled":true,"config":{}}},"bool":{"bool_inverted_index":{"enabled":true,"config":{}}}},"keys":{"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"space":"l2","embedding_function":{"type":"legacy"},"source_key":"#document","hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}}},"#document":{"string":{"fts_index":{"enabled":true,"config":{}},"string_inverted_index":{"enabled":false,"config":{}}}}}}');
INSERT INTO collections VALUES('30466c1c-560e-4e37-8b22-65a043b8eb5e','fresh',4,'00000000-0000-0000-0000-000000000000','{}','{"defaults":{"string":{"fts_index":{"enabled":false,"config":{}},"string_inverted_index":{"enabled":true,"config":{}}},"float_list":{"vector_index":{"enabled":false,"config":{"space":"l2","embedding_function":{"type":"legacy"},"hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}},"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"embedding_function":{"type":"unknown"},"bm25":false}}},"int":{"int_inverted_index":{"enabled":true,"config":{}}},"float":{"float_inverted_index":{"enabled":true,"config":{}}},"bool":{"bool_inverted_index":{"enabled":true,"config":{}}}},"keys":{"#document":{"string":{"fts_index":{"enabled":true,"config":{}},"string_inverted_index":{"enabled":false,"config":{}}}},"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"space":"l2","embedding_function":{"type":"legacy"},"source_key":"#document","hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}}}}}');
INSERT INTO collections VALUES('4e491428-211f-419c-8d41-9ecee01dab3a','none',NULL,'00000000-0000-0000-0000-000000000000','{}','{"defaults":{"string":{"fts_index":{"enabled":false,"config":{}},"string_inverted_index":{"enabled":true,"config":{}}},"float_list":{"vector_index":{"enabled":false,"config":{"space":"l2","embedding_function":{"type":"legacy"},"hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}},"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"embedding_function":{"type":"unknown"},"bm25":false}}},"int":{"int_inverted_index":{"enabled":true,"config":{}}},"float":{"float_inverted_index":{"enabled":true,"config":{}}},"bool":{"bool_inverted_index":{"enabled":true,"config":{}}}},"keys":{"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"space":"l2","embedding_function":{"type":"legacy"},"source_key":"#document","hnsw":{"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,"batch_size":5,"sync_threshold":10,"resize_factor":1.2}}}}},"#document":{"string":{"fts_index":{"enabled":true,"config":{}},"string_inverted_index":{"enabled":false,"config":{}}}}}}');
CREATE TABLE databases (
    id TEXT PRIMARY KEY, -- unique globally
    name TEXT NOT NULL, -- unique per tenant
    tenant_id TEXT NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
    UNIQUE (tenant_id, name) -- Ensure that a tenant has only one database with a given name
);
INSERT INTO databases VALUES('00000000-0000-0000-0000-000000000000','default_database','default_tenant');
DELETE FROM sqlite_schema WHERE name='embedding_fulltext_search' AND type='table';
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table','embedding_fulltext_search','embedding_fulltext_search',0,'CREATE VIRTUAL TABLE embedding_fulltext_search USING fts5(string_value, tokenize=''trigram'')');
CREATE TABLE 'embedding_fulltext_search_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO embedding_fulltext_search_config VALUES('version',4);
CREATE TABLE 'embedding_fulltext_search_content'(id INTEGER PRIMARY KEY, c0);
INSERT INTO embedding_fulltext_search_content VALUES(1,'text 0');
INSERT INTO embedding_fulltext_search_content VALUES(2,'text 1');
INSERT INTO embedding_fulltext_search_content VALUES(3,'text 2');
INSERT INTO embedding_fulltext_search_content VALUES(4,'text 3');
INSERT INTO embedding_fulltext_search_content VALUES(5,'text 4');
INSERT INTO embedding_fulltext_search_content VALUES(6,'text 5');
INSERT INTO embedding_fulltext_search_content VALUES(7,'text 6');
INSERT INTO embedding_fulltext_search_content VALUES(8,'text 7');
INSERT INTO embedding_fulltext_search_content VALUES(9,'text 8');
INSERT INTO embedding_fulltext_search_content VALUES(10,'text 9');
INSERT INTO embedding_fulltext_search_content VALUES(11,'text 10');
INSERT INTO embedding_fulltext_search_content VALUES(12,'text 11');
INSERT INTO embedding_fulltext_search_content VALUES(13,'text 12');
INSERT INTO embedding_fulltext_search_content VALUES(14,'text 13');
INSERT INTO embedding_fulltext_search_content VALUES(15,'text 14');
INSERT INTO embedding_fulltext_search_content VALUES(16,'text 15');
INSERT INTO embedding_fulltext_search_content VALUES(17,'text 16');
INSERT INTO embedding_fulltext_search_content VALUES(18,'text 17');
INSERT INTO embedding_fulltext_search_content VALUES(19,'text 18');
INSERT INTO embedding_fulltext_search_content VALUES(20,'text 19');
INSERT INTO embedding_fulltext_search_content VALUES(21,'text 20');
INSERT INTO embedding_fulltext_search_content VALUES(22,'text 21');
INSERT INTO embedding_fulltext_search_content VALUES(23,'text 22');
INSERT INTO embedding_fulltext_search_content VALUES(24,'text 23');
INSERT INTO embedding_fulltext_search_content VALUES(25,'text 24');
INSERT INTO embedding_fulltext_search_content VALUES(26,'text 0');
INSERT INTO embedding_fulltext_search_content VALUES(27,'text 1');
INSERT INTO embedding_fulltext_search_content VALUES(28,'text 2');
INSERT INTO embedding_fulltext_search_content VALUES(29,'text 0');
INSERT INTO embedding_fulltext_search_content VALUES(30,'text 1');
INSERT INTO embedding_fulltext_search_content VALUES(31,'text 2');
INSERT INTO embedding_fulltext_search_content VALUES(32,'text 3');
INSERT INTO embedding_fulltext_search_content VALUES(33,'text 4');
CREATE TABLE 'embedding_fulltext_search_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO embedding_fulltext_search_data VALUES(1,X'218113');
INSERT INTO embedding_fulltext_search_data VALUES(10,X'0000000002032100031001010101010201010000');
INSERT INTO embedding_fulltext_search_data VALUES(137438953473,X'000000230430657874200203010374203320020502026578200202010378742020020404080807');
INSERT INTO embedding_fulltext_search_data VALUES(274877906945,X'000000230430657874210203010374203421020502026578210202010378742021020404080807');
INSERT INTO embedding_fulltext_search_data VALUES(2199023255553,X'0000020304302031300B02060301310C02060301320D02060301330E02060301340F020603013510020603013611020603013712020603013813020603013914020602023230150206030131160206030132170206030133180206030134190206010365787401020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301020301037420300102051902050302050301310202050902050102050102050102050102050102050102050102050102050102050702050302050301320302051202050102050102050102050102050302050302050301330402050301340502050301350602050301360702050301370802050301380902050301390A020502026578010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010202010378742001020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020401020404080606060606060606060706060606620E2A1B0606060606060661');
CREATE TABLE 'embedding_fulltext_search_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO embedding_fulltext_search_docsize VALUES(1,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(2,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(3,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(4,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(5,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(6,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(7,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(8,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(9,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(10,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(11,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(12,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(13,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(14,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(15,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(16,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(17,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(18,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(19,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(20,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(21,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(22,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(23,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(24,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(25,X'05');
INSERT INTO embedding_fulltext_search_docsize VALUES(26,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(27,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(28,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(29,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(30,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(31,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(32,X'04');
INSERT INTO embedding_fulltext_search_docsize VALUES(33,X'04');
CREATE TABLE 'embedding_fulltext_search_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO embedding_fulltext_search_idx VALUES(1,X'',2);
INSERT INTO embedding_fulltext_search_idx VALUES(2,X'',2);
INSERT INTO embedding_fulltext_search_idx VALUES(16,X'',2);
CREATE TABLE embedding_metadata (
    id INTEGER REFERENCES embeddings(id),
    key TEXT NOT NULL,
    string_value TEXT,
    int_value INTEGER,
    float_value REAL, bool_value INTEGER,
    PRIMARY KEY (id, key)
);
INSERT INTO embedding_metadata VALUES(1,'chroma:document','text 0',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(2,'chroma:document','text 1',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(3,'chroma:document','text 2',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(4,'chroma:document','text 3',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(5,'chroma:document','text 4',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(6,'chroma:document','text 5',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(7,'chroma:document','text 6',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(8,'chroma:document','text 7',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(9,'chroma:document','text 8',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(10,'chroma:document','text 9',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(11,'chroma:document','text 10',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(12,'chroma:document','text 11',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(13,'chroma:document','text 12',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(14,'chroma:document','text 13',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(15,'chroma:document','text 14',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(16,'chroma:document','text 15',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(17,'chroma:document','text 16',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(18,'chroma:document','text 17',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(19,'chroma:document','text 18',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(20,'chroma:document','text 19',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(21,'chroma:document','text 20',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(22,'chroma:document','text 21',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(23,'chroma:document','text 22',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(24,'chroma:document','text 23',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(25,'chroma:document','text 24',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(26,'chroma:document','text 0',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(27,'chroma:document','text 1',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(28,'chroma:document','text 2',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(29,'chroma:document','text 0',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(30,'chroma:document','text 1',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(31,'chroma:document','text 2',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(32,'chroma:document','text 3',NULL,NULL,NULL);
INSERT INTO embedding_metadata VALUES(33,'chroma:document','text 4',NULL,NULL,NULL);
CREATE INDEX embedding_metadata_float_value ON embedding_metadata (key, float_value) WHERE float_value IS NOT NULL;
CREATE INDEX embedding_metadata_int_value ON embedding_metadata (key, int_value) WHERE int_value IS NOT NULL;
CREATE INDEX embedding_metadata_string_value ON embedding_metadata (key, string_value) WHERE string_value IS NOT NULL;
CREATE TABLE embedding_metadata_array (
    id INTEGER NOT NULL REFERENCES embeddings(id),
    key TEXT NOT NULL,
    string_value TEXT,
    int_value INTEGER,
    float_value REAL,
    bool_value INTEGER
);
CREATE INDEX embedding_metadata_array_id_key
    ON embedding_metadata_array (id, key);
CREATE INDEX embedding_metadata_array_key_float
    ON embedding_metadata_array (key, float_value) WHERE float_value IS NOT NULL;
CREATE INDEX embedding_metadata_array_key_int
    ON embedding_metadata_array (key, int_value) WHERE int_value IS NOT NULL;
CREATE INDEX embedding_metadata_array_key_string
    ON embedding_metadata_array (key, string_value) WHERE string_value IS NOT NULL;
CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY,
    segment_id TEXT NOT NULL,
    embedding_id TEXT NOT NULL,
    seq_id BLOB NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (segment_id, embedding_id)
);
INSERT INTO embeddings VALUES(1,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i0',1,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(2,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i1',2,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(3,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i2',3,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(4,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i3',4,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(5,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i4',5,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(6,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i5',6,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(7,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i6',7,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(8,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i7',8,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(9,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i8',9,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(10,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i9',10,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(11,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i10',11,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(12,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i11',12,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(13,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i12',13,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(14,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i13',14,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(15,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i14',15,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(16,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i15',16,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(17,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i16',17,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(18,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i17',18,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(19,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i18',19,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(20,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i19',20,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(21,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i20',21,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(22,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i21',22,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(23,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i22',23,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(24,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i23',24,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(25,'eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','i24',25,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(26,'c2536577-bd28-4028-8fce-713946c4a36a','i0',29,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(27,'c2536577-bd28-4028-8fce-713946c4a36a','i1',27,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(28,'c2536577-bd28-4028-8fce-713946c4a36a','i2',28,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(29,'c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','i0',30,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(30,'c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','i1',31,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(31,'c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','i2',32,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(32,'c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','i3',33,'2026-11-28 08:36:08');
INSERT INTO embeddings VALUES(33,'c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','i4',34,'2026-11-28 08:36:08');
CREATE TABLE embeddings_queue (
    seq_id INTEGER PRIMARY KEY,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    operation INTEGER NOT NULL,
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    vector BLOB,
    encoding TEXT,
    metadata TEXT
);
INSERT INTO embeddings_queue VALUES(20,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i19',X'0000C0BE000000000000C03E0000403F','FLOAT32','{"chroma:document":"text 19"}');
INSERT INTO embeddings_queue VALUES(21,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i20',X'0000003F000000BF000000BE0000803E','FLOAT32','{"chroma:document":"text 20"}');
INSERT INTO embeddings_queue VALUES(22,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i21',X'000000000000C03E0000403F000080BE','FLOAT32','{"chroma:document":"text 21"}');
INSERT INTO embeddings_queue VALUES(23,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i22',X'000000BF000000BE0000803E0000203F','FLOAT32','{"chroma:document":"text 22"}');
INSERT INTO embeddings_queue VALUES(24,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i23',X'0000C03E0000403F000080BE0000003E','FLOAT32','{"chroma:document":"text 23"}');
INSERT INTO embeddings_queue VALUES(25,'2026-11-28 08:36:08',0,'persistent://default/default/ea635da2-48f4-400a-a408-aebe6e5eb8c1','i24',X'000000BE0000803E0000203F0000C0BE','FLOAT32','{"chroma:document":"text 24"}');
INSERT INTO embeddings_queue VALUES(26,'2026-11-28 08:36:08',0,'persistent://default/default/a5b9608a-a24c-482d-a817-19a61e8522a9','i0',X'000000BF000000BE0000803E0000203F','FLOAT32','{"chroma:document":"text 0"}');
INSERT INTO embeddings_queue VALUES(27,'2026-11-28 08:36:08',0,'persistent://default/default/a5b9608a-a24c-482d-a817-19a61e8522a9','i1',X'0000C03E0000403F000080BE0000003E','FLOAT32','{"chroma:document":"text 1"}');
INSERT INTO embeddings_queue VALUES(28,'2026-11-28 08:36:08',0,'persistent://default/default/a5b9608a-a24c-482d-a817-19a61e8522a9','i2',X'000000BE0000803E0000203F0000C0BE','FLOAT32','{"chroma:document":"text 2"}');
INSERT INTO embeddings_queue VALUES(29,'2026-11-28 08:36:08',1,'persistent://default/default/a5b9608a-a24c-482d-a817-19a61e8522a9','i0',X'0000003F000000BF000000BE0000803E','FLOAT32','{}');
INSERT INTO embeddings_queue VALUES(30,'2026-11-28 08:36:08',0,'persistent://default/default/30466c1c-560e-4e37-8b22-65a043b8eb5e','i0',X'000000BF000000BE0000803E0000203F','FLOAT32','{"chroma:document":"text 0"}');
INSERT INTO embeddings_queue VALUES(31,'2026-11-28 08:36:08',0,'persistent://default/default/30466c1c-560e-4e37-8b22-65a043b8eb5e','i1',X'0000C03E0000403F000080BE0000003E','FLOAT32','{"chroma:document":"text 1"}');
INSERT INTO embeddings_queue VALUES(32,'2026-11-28 08:36:08',0,'persistent://default/default/30466c1c-560e-4e37-8b22-65a043b8eb5e','i2',X'000000BE0000803E0000203F0000C0BE','FLOAT32','{"chroma:document":"text 2"}');
INSERT INTO embeddings_queue VALUES(33,'2026-11-28 08:36:08',0,'persistent://default/default/30466c1c-560e-4e37-8b22-65a043b8eb5e','i3',X'0000403F000080BE0000003E0000003F','FLOAT32','{"chroma:document":"text 3"}');
INSERT INTO embeddings_queue VALUES(34,'2026-11-28 08:36:08',0,'persistent://default/default/30466c1c-560e-4e37-8b22-65a043b8eb5e','i4',X'0000803E0000203F0000C0BE00000000','FLOAT32','{"chroma:document":"text 4"}');
CREATE TABLE embeddings_queue_config (
    id INTEGER PRIMARY KEY,
    config_json_str TEXT
);
INSERT INTO embeddings_queue_config VALUES(1,'{"automatically_purge":true,"_type":"EmbeddingsQueueConfigurationInternal"}');
CREATE TABLE maintenance_log (
  id INT PRIMARY KEY,
  timestamp INT NOT NULL,
  operation TEXT NOT NULL
);
CREATE TABLE max_seq_id (
    segment_id TEXT PRIMARY KEY,
    seq_id INTEGER);
INSERT INTO max_seq_id VALUES('eb201d8c-4dee-41f3-8d9e-1ff5750ebe40',25);
INSERT INTO max_seq_id VALUES('ad42154e-832a-4682-9d91-53703882bcec',20);
INSERT INTO max_seq_id VALUES('c2536577-bd28-4028-8fce-713946c4a36a',29);
INSERT INTO max_seq_id VALUES('c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4',34);
CREATE TABLE migrations (
                dir TEXT NOT NULL,
                version INTEGER NOT NULL,
                filename TEXT NOT NULL,
                sql TEXT NOT NULL,
                hash TEXT NOT NULL,
                PRIMARY KEY (dir, version)
            );
INSERT INTO migrations VALUES('sysdb',1,'00001-collections.sqlite.sql','CREATE TABLE collections (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    UNIQUE (name)
);
CREATE TABLE collection_metadata (
    collection_id TEXT REFERENCES collections(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    str_value TEXT,
    int_value INTEGER,
    float_value REAL,
    PRIMARY KEY (collection_id, key)
);
','38352d725ad1c16074fac420b22b4633');
INSERT INTO migrations VALUES('sysdb',2,'00002-segments.sqlite.sql','CREATE TABLE segments (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    scope TEXT NOT NULL,
    topic TEXT,
    collection TEXT REFERENCES collection(id)
);
CREATE TABLE segment_metadata (
    segment_id TEXT  REFERENCES segments(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    str_value TEXT,
    int_value INTEGER,
    float_value REAL,
    PRIMARY KEY (segment_id, key)
);
','2913cb6a503055a95f625448037e8912');
INSERT INTO migrations VALUES('sysdb',3,'00003-collection-dimension.sqlite.sql','ALTER TABLE collections ADD COLUMN dimension INTEGER;
','42d22d0574d31d419c2a0e7f625c93aa');
INSERT INTO migrations VALUES('sysdb',4,'00004-tenants-databases.sqlite.sql','CREATE TABLE IF NOT EXISTS tenants (
    id TEXT PRIMARY KEY,
    UNIQUE (id)
);
CREATE TABLE IF NOT EXISTS databases (
    id TEXT PRIMARY KEY, -- unique globally
    name TEXT NOT NULL, -- unique per tenant
    tenant_id TEXT NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
    UNIQUE (tenant_id, name) -- Ensure that a tenant has only one database with a given name
);
CREATE TABLE IF NOT EXISTS collections_tmp (
    id TEXT PRIMARY KEY, -- unique globally
    name TEXT NOT NULL, -- unique per database
    topic TEXT NOT NULL,
    dimension INTEGER,
    database_id TEXT NOT NULL REFERENCES databases(id) ON DELETE CASCADE,
    UNIQUE (name, database_id)
);
INSERT OR REPLACE INTO tenants (id) VALUES (''default_tenant''); -- The default tenant id is ''default_tenant'' others are UUIDs
INSERT OR REPLACE INTO databases (id, name, tenant_id) VALUES (''00000000-0000-0000-0000-000000000000'', ''default_database'', ''default_tenant'');
INSERT OR REPLACE INTO collections_tmp (id, name, topic, dimension, database_id)
    SELECT id, name, topic, dimension, ''00000000-0000-0000-0000-000000000000'' FROM collections;
DROP TABLE collections;
ALTER TABLE collections_tmp RENAME TO collections;
','048867ce8fcdefe4023c7110e4433591');
INSERT INTO migrations VALUES('sysdb',5,'00005-remove-topic.sqlite.sql','-- Remove the topic column from the Collections and Segments tables
ALTER TABLE collections DROP COLUMN topic;
ALTER TABLE segments DROP COLUMN topic;
','b1367c826b8fba5f96f27befdc1d42d2');
INSERT INTO migrations VALUES('sysdb',6,'00006-collection-segment-metadata.sqlite.sql','-- SQLite does not support adding check with alter table, as a result, adding a check
ALTER TABLE collection_metadata ADD COLUMN bool_value INTEGER;
ALTER TABLE segment_metadata ADD COLUMN bool_value INTEGER;
','4eea7468935bf25d4604a0fed2366116');
INSERT INTO migrations VALUES('sysdb',7,'00007-collection-config.sqlite.sql','-- Stores collection configuration dictionaries.
ALTER TABLE collections ADD COLUMN config_json_str TEXT;
','1c7e63bba346a42a18b6ab7f1c989bed');
INSERT INTO migrations VALUES('sysdb',8,'00008-maintenance-log.sqlite.sql','-- Records when database maintenance operations are performed.
CREATE TABLE maintenance_log (
  id INT PRIMARY KEY,
  timestamp INT NOT NULL,
  operation TEXT NOT NULL
);
','0a0e7e93111a01789addf64961c6127c');
INSERT INTO migrations VALUES('sysdb',9,'00009-segment-collection-not-null.sqlite.sql','-- This makes segments.collection non-nullable.
CREATE TABLE segments_temp (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    scope TEXT NOT NULL,
    collection TEXT REFERENCES collection(id) NOT NULL
);
INSERT INTO segments_temp SELECT * FROM segments;
DROP TABLE segments;
ALTER TABLE segments_temp RENAME TO segments;
','054355aef9e63702bf54ea29e61563f1');
INSERT INTO migrations VALUES('sysdb',10,'00010-collection-schema.sqlite.sql','-- Stores collection schema as stringified json
ALTER TABLE collections ADD COLUMN schema_str TEXT;
','5c3a5ac4b79df76799b4721827ed5e1d');
INSERT INTO migrations VALUES('metadb',1,'00001-embedding-metadata.sqlite.sql','CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY,
    segment_id TEXT NOT NULL,
    embedding_id TEXT NOT NULL,
    seq_id BLOB NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (segment_id, embedding_id)
);
CREATE TABLE embedding_metadata (
    id INTEGER REFERENCES embeddings(id),
    key TEXT NOT NULL,
    string_value TEXT,
    int_value INTEGER,
    float_value REAL,
    PRIMARY KEY (id, key)
);
CREATE TABLE max_seq_id (
    segment_id TEXT PRIMARY KEY,
    seq_id BLOB NOT NULL
);
CREATE VIRTUAL TABLE embedding_fulltext USING fts5(id, string_value);
','2b4cf52c4bb2676e21d6860a4409f856');
INSERT INTO migrations VALUES('metadb',2,'00002-embedding-metadata.sqlite.sql','-- SQLite does not support adding check with alter table, as a result, adding a check
ALTER TABLE embedding_metadata ADD COLUMN bool_value INTEGER
','12a570f7121b3a8ce750a2a7c36da20f');
INSERT INTO migrations VALUES('metadb',3,'00003-full-text-tokenize.sqlite.sql','CREATE VIRTUAL TABLE embedding_fulltext_search USING fts5(string_value, tokenize=''trigram'');
INSERT INTO embedding_fulltext_search (rowid, string_value) SELECT rowid, string_value FROM embedding_metadata;
DROP TABLE embedding_fulltext;
','f97ad6334aeaa8f419f01110b648b97a');
INSERT INTO migrations VALUES('metadb',4,'00004-metadata-indices.sqlite.sql','CREATE INDEX IF NOT EXISTS embedding_metadata_int_value ON embedding_metadata (key, int_value) WHERE int_value IS NOT NULL;
CREATE INDEX IF NOT EXISTS embedding_metadata_float_value ON embedding_metadata (key, float_value) WHERE float_value IS NOT NULL;
CREATE INDEX IF NOT EXISTS embedding_metadata_string_value ON embedding_metadata (key, string_value) WHERE string_value IS NOT NULL;
','fb36603a45ee2cd0254cef3ef86585e8');
INSERT INTO migrations VALUES('metadb',5,'00005-max-seq-id-int.sqlite.sql','ALTER TABLE max_seq_id ADD COLUMN int_seq_id INTEGER;
UPDATE max_seq_id SET int_seq_id = (
  SELECT (
       (instr(''123456789ABCDEF'', substr(hex(seq_id), -1 , 1)) <<  0)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -2 , 1)) <<  4)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -3 , 1)) <<  8)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -4 , 1)) << 12)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -5 , 1)) << 16)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -6 , 1)) << 20)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -7 , 1)) << 24)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -8 , 1)) << 28)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -9 , 1)) << 32)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -10, 1)) << 36)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -11, 1)) << 40)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -12, 1)) << 44)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -13, 1)) << 48)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -14, 1)) << 52)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -15, 1)) << 56)
     | (instr(''123456789ABCDEF'', substr(hex(seq_id), -16, 1)) << 60)
    )
);
ALTER TABLE max_seq_id DROP COLUMN seq_id;
ALTER TABLE max_seq_id RENAME COLUMN int_seq_id TO seq_id;
','0e9de46758761b373ce682925edcc326');
INSERT INTO migrations VALUES('metadb',6,'00006-metadata-array-support.sqlite.sql','-- Separate table for exploded array metadata values.
CREATE TABLE IF NOT EXISTS embedding_metadata_array (
    id INTEGER NOT NULL REFERENCES embeddings(id),
    key TEXT NOT NULL,
    string_value TEXT,
    int_value INTEGER,
    float_value REAL,
    bool_value INTEGER
);
CREATE INDEX IF NOT EXISTS embedding_metadata_array_id_key
    ON embedding_metadata_array (id, key);
CREATE INDEX IF NOT EXISTS embedding_metadata_array_key_string
    ON embedding_metadata_array (key, string_value) WHERE string_value IS NOT NULL;
CREATE INDEX IF NOT EXISTS embedding_metadata_array_key_int
    ON embedding_metadata_array (key, int_value) WHERE int_value IS NOT NULL;
CREATE INDEX IF NOT EXISTS embedding_metadata_array_key_float
    ON embedding_metadata_array (key, float_value) WHERE float_value IS NOT NULL;
','e026f01ea92c1baa1493f4ad5ca7cfe7');
INSERT INTO migrations VALUES('embeddings_queue',1,'00001-embeddings.sqlite.sql','CREATE TABLE embeddings_queue (
    seq_id INTEGER PRIMARY KEY,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    operation INTEGER NOT NULL,
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    vector BLOB,
    encoding TEXT,
    metadata TEXT
);
','d3755dfd232be8e8301f4d7fcfb3a486');
INSERT INTO migrations VALUES('embeddings_queue',2,'00002-embeddings-queue-config.sqlite.sql','CREATE TABLE embeddings_queue_config (
    id INTEGER PRIMARY KEY,
    config_json_str TEXT
);
','8fbfe4ffb3e57f1d8bfdc58510a82e85');
CREATE TABLE segment_metadata (
    segment_id TEXT  REFERENCES segments(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    str_value TEXT,
    int_value INTEGER,
    float_value REAL, bool_value INTEGER,
    PRIMARY KEY (segment_id, key)
);
CREATE TABLE "segments" (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    scope TEXT NOT NULL,
    collection TEXT REFERENCES collection(id) NOT NULL
);
INSERT INTO segments VALUES('ad42154e-832a-4682-9d91-53703882bcec','urn:chroma:segment/vector/hnsw-local-persisted','VECTOR','ea635da2-48f4-400a-a408-aebe6e5eb8c1');
INSERT INTO segments VALUES('eb201d8c-4dee-41f3-8d9e-1ff5750ebe40','urn:chroma:segment/metadata/sqlite','METADATA','ea635da2-48f4-400a-a408-aebe6e5eb8c1');
INSERT INTO segments VALUES('c5a16be2-e790-499a-b766-cee0977f4dd2','urn:chroma:segment/vector/hnsw-local-persisted','VECTOR','a5b9608a-a24c-482d-a817-19a61e8522a9');
INSERT INTO segments VALUES('c2536577-bd28-4028-8fce-713946c4a36a','urn:chroma:segment/metadata/sqlite','METADATA','a5b9608a-a24c-482d-a817-19a61e8522a9');
INSERT INTO segments VALUES('8cf5a54b-43dc-47f3-a9a7-da87f1e0c0ee','urn:chroma:segment/vector/hnsw-local-persisted','VECTOR','30466c1c-560e-4e37-8b22-65a043b8eb5e');
INSERT INTO segments VALUES('c868f54d-4c4c-4d0a-8755-8fffdd8fc5c4','urn:chroma:segment/metadata/sqlite','METADATA','30466c1c-560e-4e37-8b22-65a043b8eb5e');
INSERT INTO segments VALUES('c6f58c57-21e8-4b04-badb-f677c077f4ae','urn:chroma:segment/vector/hnsw-local-persisted','VECTOR','4e491428-211f-419c-8d41-9ecee01dab3a');
INSERT INTO segments VALUES('084fb938-4d98-41cb-866a-ddd339762c06','urn:chroma:segment/metadata/sqlite','METADATA','4e491428-211f-419c-8d41-9ecee01dab3a');
CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    UNIQUE (id)
);
INSERT INTO tenants VALUES('default_tenant');
COMMIT TRANSACTION;
PRAGMA writable_schema=OFF;
BEGIN;
CREATE TABLE no_such_table(x,y,z);
ROLLBACK;
