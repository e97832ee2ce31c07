//! Reading and filling whole collections: only for the person's tool, benchmarks and tests.

pub(crate) mod bare;
pub(crate) mod bench;
pub(crate) mod census;
pub(crate) mod checkup;
pub(crate) mod holdings;
pub(crate) mod loose_ends;
pub(crate) mod parked;
pub(crate) mod tally;
pub(crate) mod unread;
