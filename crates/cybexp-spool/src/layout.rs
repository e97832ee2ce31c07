//! The tables of the spool.

/// The version of [`LAYOUT`]; raised with it.
pub(crate) const VERSION: i64 = 2;
/// Changes that make a spool of version 1 one of [`VERSION`].
pub(crate) const FROM_1: &str = "ALTER TABLE input ADD COLUMN tlp TEXT;";
/// `auto_vacuum`: unused pages at the end of the file are given back to the disk when asked to.
pub(crate) const SETUP: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA foreign_keys = ON;
";
/// Tables and indexes of a new spool.
pub(crate) const LAYOUT: &str = "
    CREATE TABLE input (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        plugin TEXT NOT NULL,
        typetag TEXT NOT NULL,
        orgid TEXT NOT NULL,
        timezone TEXT NOT NULL,
        cursor TEXT,
        not_before REAL NOT NULL DEFAULT 0,
        taken INTEGER NOT NULL DEFAULT 0,
        posted INTEGER NOT NULL DEFAULT 0,
        dropped INTEGER NOT NULL DEFAULT 0,
        tlp TEXT
    );
    -- AUTOINCREMENT: an id is never given twice, for whoever posts remembers the last one that it has seen
    CREATE TABLE record (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        input INTEGER NOT NULL REFERENCES input,
        name TEXT,
        data BLOB NOT NULL,
        refused TEXT
    );
    CREATE INDEX waiting ON record (input, id) WHERE refused IS NULL;
    CREATE INDEX refused ON record (input) WHERE refused IS NOT NULL;
    CREATE TABLE mark (
        input INTEGER NOT NULL REFERENCES input,
        key BLOB NOT NULL,
        mark INTEGER NOT NULL,
        PRIMARY KEY (input, key)
    ) WITHOUT ROWID;
";
