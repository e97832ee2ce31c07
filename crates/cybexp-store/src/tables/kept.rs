//! Tables that readers keep in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::tables::headers::Made;

/// Approximate memory of a table that is kept, besides its entries, in bytes.
const TABLE_BYTES: usize = 200;
/// The most bytes of tables that are kept in memory.
const KEPT_BYTES: usize = 64 << 20;
/// The chunks of a table: the sub_types of the events, and the entries.
pub(crate) type TableChunks = Vec<(Vec<String>, Arc<[u8]>)>;

/// A table, or a part of an hour, of one organisation and sub_type.
pub(crate) type Table = Arc<TableChunks>;

/// The key of a table: the beginning of its chunks' ids, the hour, the making of the hour's tables, and the ends of the part
/// of the hour.
pub(crate) type Key = ([u8; 24], u32, Made, (u64, u64));

/// The part of a key for a whole hour.
pub(crate) const WHOLE: (u64, u64) = (0, u64::MAX);

/// Tables that were used last; cheap to clone. They never change, since their key names their making.
#[derive(Debug, Clone)]
pub(crate) struct KeptTables(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    tables: LruCache<Key, Table>,
    bytes: usize,
}

impl KeptTables {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept {
            tables: LruCache::unbounded(),
            bytes: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Table> {
        self.lock().tables.get(key).cloned()
    }

    pub(crate) fn put(&self, key: Key, table: Table) {
        let bytes = |table: &Table| {
            let entries = table.iter().map(|(_, entries)| entries.len());
            TABLE_BYTES + entries.sum::<usize>()
        };
        let mut kept = self.lock();
        kept.bytes += bytes(&table);
        if let Some((_, old)) = kept.tables.push(key, table) {
            kept.bytes -= bytes(&old);
        }
        while kept.bytes > KEPT_BYTES
            && let Some((_, old)) = kept.tables.pop_lru()
        {
            kept.bytes -= bytes(&old);
        }
    }
}
