-- As presence-gateway wrote it at schema 4.
CREATE TABLE presence (
     user TEXT PRIMARY KEY,
     show TEXT NOT NULL,
     text TEXT,
     shown_since INTEGER,
     idle_since INTEGER,
     resource TEXT,
     priority INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
CREATE TABLE publication (user TEXT PRIMARY KEY, choice TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE subscription (
     user TEXT PRIMARY KEY,
     consent TEXT NOT NULL,
     watches_us INTEGER NOT NULL
   , by TEXT NOT NULL DEFAULT 'subscription') WITHOUT ROWID, STRICT;
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE moment (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE presence_batch (number INTEGER PRIMARY KEY AUTOINCREMENT, presences TEXT NOT NULL) STRICT;
CREATE TABLE roster (
     domain TEXT NOT NULL,
     username TEXT NOT NULL,
     contacts TEXT NOT NULL,
     PRIMARY KEY (domain, username)
   ) STRICT;
CREATE TABLE roster_pushed (user TEXT PRIMARY KEY, contacts TEXT NOT NULL) STRICT;
CREATE TABLE roster_copy (user TEXT PRIMARY KEY, contacts TEXT NOT NULL, fetched_at INTEGER NOT NULL) STRICT;
INSERT INTO presence VALUES
  ('alice@example.org', 'dnd', 'older', 1600000000000, NULL, 'phone', 1),
  ('dora@example.org', 'online', NULL, 1600000000000, NULL, 'phone', 1),
  ('bob@example.org', 'offline', NULL, 1700000000456, NULL, NULL, 0),
  ('straße@xn--bcher-kva.example', 'online', NULL, NULL, NULL, '', -128);
INSERT INTO publication VALUES ('alice@example.org', 'details'), ('bob@example.org', 'none'), ('carol@example.org', 'status');
INSERT INTO subscription VALUES
  ('alice@example.org', 'granted', 1, 'roster'), ('bob@example.org', 'refused', 0, 'subscription'),
  ('carol@example.org', 'asked', 0, 'subscription');
INSERT INTO secret VALUES ('etag', x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO moment VALUES ('known until', 1700000060000);
INSERT INTO presence_batch VALUES
  (7, '[["alice@example.org","xa","older",1650000000000,null,"phone",1],["dora@example.org","unknown",null,null,null,null,0]]'),
  (9, '[["alice@example.org","away","Lunch ''til one 😀",1700000000123,1699999999000,"laptop",5]]');
INSERT INTO roster VALUES
  ('example.org', 'alice', '"bob@example.org":{"name":"Bob","groups":{"Friends":true}}'),
  ('example.org', 'carol', '');
INSERT INTO roster_pushed VALUES
  ('alice@example.org', '"bob@example.org":null,"presence.example.org":{"name":"Presence"}');
INSERT INTO roster_copy VALUES ('bob@example.org', '"alice@example.org":{"name":"Alice"}', 1700000000789);
PRAGMA user_version = 4;
