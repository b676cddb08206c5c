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
]
