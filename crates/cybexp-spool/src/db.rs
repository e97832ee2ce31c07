//! The SQLite file of the spool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use tahoe_core::{SubmissionTags, Tlp};

use crate::error::SpoolError;
use crate::input::{InputCounts, InputId, KnownInput};
use crate::layout::{FROM_1, LAYOUT, SETUP, VERSION};
use crate::record::{ItemKey, Queued, RecordBatch};

/// The file in `input.spool_dir`.
pub const FILE: &str = "spool.db";
/// Approximate overhead of a record, in bytes: its row and two index entries.
const RECORD_BYTES: u64 = 100;
/// Approximate size of a mark, in bytes.
const MARK_BYTES: u64 = 40;

/// Whether there was room for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The batch is on disk.
    Taken,
    /// There is no room now.
    Full,
    /// There never will be room: the whole spool is smaller.
    Never,
}

/// The open file. Every method but [`SpoolFile::transaction`] belongs into one.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    connection: Connection,
    file: PathBuf,
    max_bytes: u64,
    page_bytes: u64,
    /// Records of each input, those set aside among them; counted once and kept up.
    spooled: BTreeMap<InputId, u64>,
}

impl SpoolFile {
    pub(crate) fn open(folder: &Path, max_bytes: u64) -> Result<Self, SpoolError> {
        let file = folder.join(FILE);
        let failed = |reason: String| SpoolError::Database {
            file: file.clone(),
            reason,
        };
        private_folder(folder).map_err(|error| failed(error.to_string()))?;
        let mut database = Connection::open(&file)
            .and_then(|connection| Self::prepared(connection, &file, max_bytes))
            .map_err(|error| failed(error.to_string()))?;
        let version: i64 = database
            .pragma("user_version")
            .map_err(|error| failed(error.to_string()))?;
        let statements = match version {
            0 => Some(LAYOUT),
            1 => Some(FROM_1),
            VERSION => None,
            other => {
                return Err(failed(format!(
                    "is of version {other}; this program knows {VERSION}"
                )));
            }
        };
        if let Some(statements) = statements {
            let made = database.transaction(|database| {
                database.connection.execute_batch(statements)?;
                database
                    .connection
                    .pragma_update(None, "user_version", VERSION)
            });
            made.map_err(|error| failed(error.to_string()))?;
        }
        database
            .count()
            .map_err(|error| failed(error.to_string()))?;
        Ok(database)
    }

    fn prepared(connection: Connection, file: &Path, max_bytes: u64) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(32);
        // someone who looks into the file with a tool of SQLite's is waited for
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch(SETUP)?;
        let mut database = Self {
            connection,
            file: file.to_owned(),
            max_bytes,
            page_bytes: 0,
            spooled: BTreeMap::new(),
        };
        database.page_bytes = database.pragma("page_size")?;
        Ok(database)
    }

    pub(crate) fn error(&self, error: &rusqlite::Error) -> SpoolError {
        SpoolError::Database {
            file: self.file.clone(),
            reason: error.to_string(),
        }
    }

    /// Runs `work` in one transaction and waits for the disk; after an error, nothing of it is stored.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let before = self.spooled.clone();
        let done = work(self).and_then(|value| {
            self.connection.execute_batch("COMMIT")?;
            Ok(value)
        });
        if done.is_err() {
            self.spooled = before;
            // some errors have ended it already
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
        }
        done
    }

    /// Makes an input known, as this from now on; its refused records wait again.
    pub(crate) fn register(
        &mut self,
        name: &str,
        plugin: &str,
        tags: &SubmissionTags,
    ) -> rusqlite::Result<KnownInput> {
        let SubmissionTags {
            typetag,
            orgid,
            timezone,
            tlp,
        } = tags;
        let tlp = tlp.map(Tlp::as_str);
        // what another plugin remembers means nothing to this one
        self.connection.execute(
            "DELETE FROM mark WHERE input = (SELECT id FROM input WHERE name = ?1 AND plugin != ?2)",
            [name, plugin],
        )?;
        self.connection.execute(
            "UPDATE input SET cursor = NULL, not_before = 0 WHERE name = ?1 AND plugin != ?2",
            [name, plugin],
        )?;
        self.connection.execute(
            "INSERT INTO input (name, plugin, typetag, orgid, timezone, tlp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET plugin = ?2, typetag = ?3, orgid = ?4, timezone = ?5, tlp = ?6",
            params![name, plugin, typetag, orgid, timezone, tlp],
        )?;
        self.connection.execute(
            "UPDATE record SET refused = NULL
             WHERE refused IS NOT NULL AND input = (SELECT id FROM input WHERE name = ?1)",
            [name],
        )?;
        let sql = format!("{INPUTS} WHERE name = ?1");
        let mut known = self.connection.query_row(&sql, [name], known)?;
        known.spooled = self.spooled.get(&known.id).copied().unwrap_or_default();
        Ok(known)
    }

    /// All inputs.
    pub(crate) fn known(&self) -> rusqlite::Result<Vec<KnownInput>> {
        let sql = format!("{INPUTS} ORDER BY name");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut all: Vec<KnownInput> = statement.query_map([], known)?.collect::<Result<_, _>>()?;
        for known in &mut all {
            known.spooled = self.spooled.get(&known.id).copied().unwrap_or_default();
        }
        Ok(all)
    }

    pub(crate) fn put(&mut self, input: InputId, batch: &RecordBatch) -> rusqlite::Result<Room> {
        let size = size(batch);
        if size > self.max_bytes {
            return Ok(Room::Never);
        }
        // cursors and marks are little, and must not wait for room
        if !batch.records.is_empty() && self.used_bytes()? + size > self.max_bytes {
            return Ok(Room::Full);
        }
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO record (input, name, data) VALUES (?1, ?2, ?3)")?;
        for record in &batch.records {
            insert.execute(params![input.0, record.name, &record.data[..]])?;
        }
        let mut mark = self.connection.prepare_cached(
            "INSERT INTO mark (input, key, mark) VALUES (?1, ?2, ?3)
             ON CONFLICT (input, key) DO UPDATE SET mark = ?3",
        )?;
        for (key, number) in &batch.marks {
            mark.execute(params![input.0, &key.0[..], number])?;
        }
        if let Some(below) = batch.forget_below {
            self.connection
                .prepare_cached("DELETE FROM mark WHERE input = ?1 AND mark < ?2")?
                .execute(params![input.0, below])?;
        }
        let taken = batch.records.len() as u64;
        let cursor = batch.cursor.as_ref().map(Value::to_string);
        if taken > 0 || cursor.is_some() {
            self.connection
                .prepare_cached(
                    "UPDATE input SET taken = taken + ?2, cursor = coalesce(?3, cursor) WHERE id = ?1",
                )?
                .execute(params![input.0, taken, cursor])?;
        }
        *self.spooled.entry(input).or_default() += taken;
        Ok(Room::Taken)
    }

    pub(crate) fn next(
        &self,
        input: InputId,
        after: i64,
        max_records: usize,
        max_bytes: u64,
    ) -> rusqlite::Result<Vec<Queued>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, name, data FROM record WHERE input = ?1 AND id > ?2 AND refused IS NULL ORDER BY id",
        )?;
        let mut rows = statement.query(params![input.0, after])?;
        let (mut queued, mut bytes) = (Vec::new(), 0);
        while queued.len() < max_records && bytes < max_bytes {
            let Some(row) = rows.next()? else { break };
            let data: Vec<u8> = row.get(2)?;
            bytes += data.len() as u64;
            queued.push(Queued {
                id: row.get(0)?,
                name: row.get(1)?,
                data: data.into(),
            });
        }
        Ok(queued)
    }

    pub(crate) fn posted(&mut self, input: InputId, records: &[i64]) -> rusqlite::Result<()> {
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM record WHERE id = ?1")?;
        // a record that was posted twice counts once
        let mut removed = 0;
        for record in records {
            removed += delete.execute([record])? as u64;
        }
        if removed > 0 {
            self.connection
                .prepare_cached("UPDATE input SET posted = posted + ?2 WHERE id = ?1")?
                .execute(params![input.0, removed])?;
            if let Some(spooled) = self.spooled.get_mut(&input) {
                *spooled = spooled.saturating_sub(removed);
            }
        }
        Ok(())
    }

    pub(crate) fn refused(&self, record: i64, reason: &str) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE record SET refused = ?2 WHERE id = ?1")?
            .execute(params![record, reason])?;
        Ok(())
    }

    pub(crate) fn dropped(&self, input: InputId, records: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE input SET dropped = dropped + ?2 WHERE id = ?1")?
            .execute(params![input.0, records])?;
        Ok(())
    }

    pub(crate) fn not_before(&self, input: InputId, at: f64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE input SET not_before = ?2 WHERE id = ?1")?
            .execute(params![input.0, at])?;
        Ok(())
    }

    pub(crate) fn marks(
        &self,
        input: InputId,
        keys: &[ItemKey],
    ) -> rusqlite::Result<Vec<Option<i64>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT mark FROM mark WHERE input = ?1 AND key = ?2")?;
        let find = |key: &ItemKey| {
            statement
                .query_row(params![input.0, &key.0[..]], |row| row.get(0))
                .optional()
        };
        keys.iter().map(find).collect()
    }

    pub(crate) fn forget(&mut self, input: InputId) -> rusqlite::Result<u64> {
        let connection = &self.connection;
        let records = connection.execute("DELETE FROM record WHERE input = ?1", [input.0])?;
        connection.execute("DELETE FROM mark WHERE input = ?1", [input.0])?;
        connection.execute("DELETE FROM input WHERE id = ?1", [input.0])?;
        self.spooled.remove(&input);
        Ok(records as u64)
    }

    /// Pages in use, in bytes.
    pub(crate) fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pages: u64 = self.pragma("page_count")?;
        let free: u64 = self.pragma("freelist_count")?;
        Ok((pages - free) * self.page_bytes)
    }

    /// Gives some of the unused pages back to the disk; whether there may be more of them.
    pub(crate) fn shrink(&self) -> rusqlite::Result<bool> {
        const PAGES: u64 = 2048;
        let free: u64 = self.pragma("freelist_count")?;
        if free < PAGES {
            // the file itself becomes smaller when the journal is worked in
            return self.run("PRAGMA wal_checkpoint(TRUNCATE)").map(|()| false);
        }
        self.run(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        Ok(true)
    }

    /// Runs a statement to its last row: `incremental_vacuum` frees one page with each row.
    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn count(&mut self) -> rusqlite::Result<()> {
        let mut statement = self
            .connection
            .prepare("SELECT input, count(*) FROM record GROUP BY input")?;
        let counts = statement.query_map([], |row| Ok((InputId(row.get(0)?), row.get(1)?)))?;
        let counts: BTreeMap<InputId, u64> = counts.collect::<Result<_, _>>()?;
        drop(statement);
        self.spooled = counts;
        Ok(())
    }

    fn pragma<T: rusqlite::types::FromSql>(&self, name: &str) -> rusqlite::Result<T> {
        self.connection
            .pragma_query_value(None, name, |row| row.get(0))
    }
}

const INPUTS: &str =
    "SELECT id, name, typetag, orgid, timezone, cursor, not_before, taken, posted, dropped,
    (SELECT count(*) FROM record WHERE record.input = input.id AND refused IS NOT NULL), plugin, tlp FROM input";

fn known(row: &Row<'_>) -> rusqlite::Result<KnownInput> {
    let cursor: Option<String> = row.get(5)?;
    let tlp: Option<String> = row.get(12)?;
    Ok(KnownInput {
        id: InputId(row.get(0)?),
        name: row.get(1)?,
        plugin: row.get(11)?,
        tags: SubmissionTags {
            typetag: row.get(2)?,
            orgid: row.get(3)?,
            timezone: row.get(4)?,
            tlp: tlp.as_deref().map(Tlp::stored),
        },
        // it was written as JSON
        cursor: cursor.and_then(|text| serde_json::from_str(&text).ok()),
        not_before: row.get(6)?,
        counts: InputCounts {
            taken: row.get(7)?,
            posted: row.get(8)?,
            dropped: row.get(9)?,
        },
        spooled: 0,
        refused: row.get(10)?,
    })
}

fn size(batch: &RecordBatch) -> u64 {
    let (records, marks) = (batch.records.len() as u64, batch.marks.len() as u64);
    batch.bytes() + records * RECORD_BYTES + marks * MARK_BYTES
}

/// Makes the folder readable by its owner alone: collected data may be confidential.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}
