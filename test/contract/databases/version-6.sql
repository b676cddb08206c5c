-- As presence-gateway wrote it at schema 6.
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
CREATE TABLE "change_batch" (number INTEGER PRIMARY KEY AUTOINCREMENT, presences TEXT NOT NULL, grants TEXT, at INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE roster (
     domain TEXT NOT NULL,
     username TEXT NOT NULL,
     contacts TEXT NOT NULL,
     PRIMARY KEY (domain, username)
   ) STRICT;
CREATE TABLE roster_pushed (user TEXT PRIMARY KEY, contacts TEXT NOT NULL) STRICT;
CREATE TABLE roster_copy (user TEXT PRIMARY KEY, contacts TEXT NOT NULL, fetched_at INTEGER NOT NULL) STRICT;
CREATE TABLE session (
     id TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     browser TEXT NOT NULL,
     address TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     used_at INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
CREATE INDEX session_user ON session (user);
CREATE TABLE personal_token (
     id TEXT PRIMARY KEY,
     hash TEXT NOT NULL UNIQUE,
     user TEXT NOT NULL,
     name TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
CREATE INDEX personal_token_user ON personal_token (user);
CREATE TABLE app (
     appid TEXT PRIMARY KEY,
     domain TEXT NOT NULL,
     name TEXT NOT NULL,
     description TEXT NOT NULL,
     scope TEXT NOT NULL,
     hosts TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     verified_at INTEGER,
     active INTEGER NOT NULL,
     key_hash TEXT,
     old_key_hash TEXT,
     old_key_until INTEGER,
     webhook TEXT,
     webhook_generation INTEGER NOT NULL,
     webhook_rotated_at INTEGER
   ) WITHOUT ROWID, STRICT;
CREATE TABLE app_icon (appid TEXT PRIMARY KEY, type TEXT NOT NULL, image BLOB NOT NULL) STRICT;
CREATE TABLE app_member (
     appid TEXT NOT NULL,
     user TEXT NOT NULL,
     registered INTEGER NOT NULL,
     PRIMARY KEY (appid, user)
   ) WITHOUT ROWID, STRICT;
CREATE INDEX app_member_user ON app_member (user);
CREATE TABLE app_grant (
     user TEXT NOT NULL,
     appid TEXT NOT NULL,
     uid TEXT NOT NULL UNIQUE,
     scope TEXT NOT NULL,
     paused INTEGER NOT NULL,
     granted_at INTEGER NOT NULL, changed_in INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (user, appid)
   ) WITHOUT ROWID, STRICT;
CREATE INDEX app_grant_app ON app_grant (appid);
CREATE TABLE public_link (user TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE) WITHOUT ROWID, STRICT;
CREATE TABLE forgotten (hash TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;
CREATE INDEX change_batch_grants ON change_batch (number) WHERE grants IS NOT NULL;
CREATE TABLE change_log (name TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE webhook (appid TEXT PRIMARY KEY, state TEXT NOT NULL, body TEXT) STRICT;
CREATE TABLE webhook_delivery (
     appid TEXT NOT NULL,
     slot INTEGER NOT NULL,
     n INTEGER NOT NULL,
     id TEXT NOT NULL,
     at INTEGER NOT NULL,
     attempt INTEGER NOT NULL,
     status INTEGER,
     error TEXT,
     ms INTEGER NOT NULL,
     updates INTEGER NOT NULL,
     PRIMARY KEY (appid, slot)
   ) WITHOUT ROWID, STRICT;
INSERT INTO presence VALUES
  ('alice@example.org', 'dnd', 'older', 1600000000000, NULL, 'phone', 1),
  ('bob@example.org', 'offline', NULL, 1700000000456, NULL, NULL, 0),
  ('dora@example.org', 'online', NULL, 1600000000000, NULL, 'phone', 1),
  ('straße@xn--bcher-kva.example', 'online', NULL, NULL, NULL, '', -128);
INSERT INTO publication VALUES
  ('alice@example.org', 'details'),
  ('bob@example.org', 'none'),
  ('carol@example.org', 'status');
INSERT INTO subscription VALUES
  ('alice@example.org', 'granted', 1, 'roster'),
  ('bob@example.org', 'refused', 0, 'subscription'),
  ('carol@example.org', 'asked', 0, 'subscription');
INSERT INTO secret VALUES
  ('etag', x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO moment VALUES
  ('known until', 1700000060000);
INSERT INTO change_batch VALUES
  (7, '[["alice@example.org","dnd","older",1600000000000,null,"phone",1,"chat"]]', NULL, 1640000000006, 1),
  (8, '[["alice@example.org","xa","older",1650000000000,null,"phone",1,"dnd"],["dora@example.org","unknown",null,null,null,null,0,"online"]]', NULL, 1650000000011, 2),
  (9, '[]', '[["app_0123456789abcdefghijklmn","UIDabcdefghijklmnopqrstuv","bob@example.org"]]', 1700000020001, 0),
  (10, '[["alice@example.org","away","Lunch ''til one 😀",1700000000123,1699999999000,"laptop",5,"xa"]]', NULL, 1700000020016, 1);
INSERT INTO roster VALUES
  ('example.org', 'alice', '"bob@example.org":{"name":"Bob","groups":{"Friends":true}}'),
  ('example.org', 'carol', '');
INSERT INTO roster_pushed VALUES
  ('alice@example.org', '"bob@example.org":null,"presence.example.org":{"name":"Presence"}');
INSERT INTO roster_copy VALUES
  ('bob@example.org', '"alice@example.org":{"name":"Alice"}', 1700000000789);
INSERT INTO session VALUES
  ('F2bYjkKkBZzXG6u4s4nJj7a2wHhS3s5qk7XHAP1dbOw', 'alice@example.org', 'Firefox on Linux', '192.0.2.7', 1700000000000, 1700000050000);
INSERT INTO personal_token VALUES
  ('tok_8J3kQmW2', 'mYkJ0eXcQ0b7Wk4m3m0Jf1r0W0t0v1Q9s2G8oQ1hZpE', 'alice@example.org', 'deploy script', 1700000000000);
INSERT INTO app VALUES
  ('app_0123456789abcdefghijklmn', 'chat.example.org', 'Chat', 'Who is there', 'status details', '["www.chat.example.org"]', 1700000000000, 1700000010000, 1, 'Z0nq3H9cJb4dUu3cV0YwQ7m7b8kX2fP1sLr6tE5aGhI', NULL, NULL, 'https://chat.example.org/hook', 1, NULL);
INSERT INTO app_icon VALUES
  ('app_0123456789abcdefghijklmn', 'image/png', x'89504e47');
INSERT INTO app_member VALUES
  ('app_0123456789abcdefghijklmn', 'alice@example.org', 1);
INSERT INTO app_grant VALUES
  ('bob@example.org', 'app_0123456789abcdefghijklmn', 'UIDabcdefghijklmnopqrstuv', 'status', 0, 1700000020000, 9);
INSERT INTO public_link VALUES
  ('bob@example.org', 'q3Vb7mB2nQ0cT5xY8zL1kJ4hG6fD9sA0pO2iU3yT4rE');
INSERT INTO forgotten VALUES
  ('Jk2mN4pQ6rS8tU0vW2xY4zA6bC8dE0fG2hI4jK6lM8n');
INSERT INTO change_log VALUES
  ('epoch', '0123456789abcdef'),
  ('folded', 7),
  ('open', '7d1f6f5e-3f0a-4f0e-9d5a-0a4b5c6d7e8f'),
  ('pruned', 6);
INSERT INTO webhook VALUES
  ('app_0123456789abcdefghijklmn', '{"epoch":"0123456789abcdef","progress":{"position":20479,"round":null},"flights":[],"failingSince":null,"failures":0,"nextAt":0,"off":null,"tries":1}', NULL);
INSERT INTO webhook_delivery VALUES
  ('app_0123456789abcdefghijklmn', 1, 1, 'msg_abcdefghijklmnopqrstuv', 1700000020100, 1, 204, NULL, 12, 1);
PRAGMA user_version = 6;
