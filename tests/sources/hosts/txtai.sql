
PRAGMA page_size=4096;

BEGIN TRANSACTION;

DROP TABLE IF EXISTS documents;
CREATE TABLE documents (id TEXT PRIMARY KEY, data JSON, tags TEXT, entry DATETIME);

DROP TABLE IF EXISTS objects;
CREATE TABLE objects (id TEXT PRIMARY KEY, object BLOB, tags TEXT, entry DATETIME);

DROP TABLE IF EXISTS sections;
CREATE TABLE sections (indexid INTEGER PRIMARY KEY, id TEXT, text TEXT, tags TEXT, entry DATETIME);
INSERT INTO sections VALUES(1,'0','text',NULL,NULL);
INSERT INTO sections VALUES(2,'1','text',NULL,NULL);
INSERT INTO sections VALUES(3,'2','text',NULL,NULL);
INSERT INTO sections VALUES(4,'3','text',NULL,NULL);
INSERT INTO sections VALUES(5,'4','text',NULL,NULL);
INSERT INTO sections VALUES(6,'5','text',NULL,NULL);
INSERT INTO sections VALUES(7,'6','text',NULL,NULL);
INSERT INTO sections VALUES(8,'7','text',NULL,NULL);
INSERT INTO sections VALUES(9,'8','text',NULL,NULL);
INSERT INTO sections VALUES(10,'9','text',NULL,NULL);
INSERT INTO sections VALUES(11,'10','text',NULL,NULL);
INSERT INTO sections VALUES(12,'11','text',NULL,NULL);
CREATE INDEX section_id ON sections(id);

COMMIT TRANSACTION;
