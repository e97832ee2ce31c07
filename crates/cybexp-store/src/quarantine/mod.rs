//! Quarantined records: listing them, trying them again, deleting them.

pub(crate) mod again;
pub(crate) mod discard;
pub(crate) mod list;
pub(crate) mod page;
pub(crate) mod record_id;
pub(crate) mod records;
pub(crate) mod selection;
