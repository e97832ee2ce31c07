//! MongoDB in general: connections, finds, bulk writes, transactions, indexes, leases and change streams.

pub(crate) mod bulk;
pub(crate) mod changes;
pub(crate) mod collection;
pub(crate) mod essence;
pub(crate) mod find;
pub(crate) mod indexes;
pub(crate) mod inserts;
pub(crate) mod json;
pub(crate) mod lease;
pub(crate) mod operation;
pub(crate) mod row;
pub(crate) mod server;
pub(crate) mod spent;
pub(crate) mod swap;
pub(crate) mod transaction;
pub(crate) mod watch;
