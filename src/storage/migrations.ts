/** The schema, one step an entry; PRAGMA user_version counts the steps taken. Entries are never changed, only added. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE presence (
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
   ) WITHOUT ROWID, STRICT;
   CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;`,
  'CREATE TABLE moment (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID, STRICT',
  // What came last, in order: each batch a JSON array of rows as in `presence`, into which the oldest are folded.
  'CREATE TABLE presence_batch (number INTEGER PRIMARY KEY AUTOINCREMENT, presences TEXT NOT NULL) STRICT',
  // contacts: the object that is served, as JSON without its braces. pushed: the same, as the server has been told of it by
  // XEP-0356; null: nothing was. copy: what an upstream said last.
  `CREATE TABLE roster (
     domain TEXT NOT NULL,
     username TEXT NOT NULL,
     contacts TEXT NOT NULL,
     PRIMARY KEY (domain, username)
   ) STRICT;
   CREATE TABLE roster_pushed (user TEXT PRIMARY KEY, contacts TEXT NOT NULL) STRICT;
   CREATE TABLE roster_copy (user TEXT PRIMARY KEY, contacts TEXT NOT NULL, fetched_at INTEGER NOT NULL) STRICT;
   ALTER TABLE subscription ADD COLUMN by TEXT NOT NULL DEFAULT 'subscription'`,
  // Of what signs somebody in there is only the SHA-256, base64url, in `id` or `hash`: what is read here signs nobody in.
  // app: hosts is a JSON array; the webhook's secret is derived, from a secret of this database and its generation.
  `CREATE TABLE session (
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
     granted_at INTEGER NOT NULL,
     PRIMARY KEY (user, appid)
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX app_grant_app ON app_grant (appid);
   CREATE TABLE public_link (user TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE) WITHOUT ROWID, STRICT;
   CREATE TABLE forgotten (hash TEXT PRIMARY KEY) WITHOUT ROWID, STRICT`,
  // The log that apps read: batches of presences, as before, or of what became of grants; a batch of neither kind is one of the
  // other. `size`: so many presences. `changed_in`: the batch that tells of it, 0: one that is not kept. change_log: how the log
  // stands, by name: its epoch, the boot in which it was opened (none: it was closed), up to where it was folded and pruned.
  // webhook: `state` as JSON, in `body` a line for each call in flight. webhook_delivery: the try `n` stands in slot n % 50.
  `ALTER TABLE presence_batch RENAME TO change_batch;
   ALTER TABLE change_batch ADD COLUMN grants TEXT;
   ALTER TABLE change_batch ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE change_batch ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
   CREATE INDEX change_batch_grants ON change_batch (number) WHERE grants IS NOT NULL;
   ALTER TABLE app_grant ADD COLUMN changed_in INTEGER NOT NULL DEFAULT 0;
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
   ) WITHOUT ROWID, STRICT`,
]
