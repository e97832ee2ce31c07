//! The memory of the daemon, shared by the answers that are at work. An answer takes its part before anything is read, and
//! waits until there is room.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes of an answer's data. A document may have 16 MiB, and other fields go with the data.
pub(crate) const ANSWER_BYTES: usize = 8 << 20;

/// Memory of all answers that read values, in MiB.
const ALL_MIB: usize = 384;
/// Memory of one such answer, in MiB: its values as they are read, sorted, hashed and stored, and the references of the
/// events.
const ONE_MIB: u32 = 48;

/// Room for answers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL_MIB)))
    }

    /// Waits for the room of an answer to a question of this type; nothing if it needs next to none. The room is kept until
    /// the permit is dropped.
    pub(crate) async fn room(&self, qtype: &str) -> Option<OwnedSemaphorePermit> {
        match qtype {
            "count" => None,
            _ => Arc::clone(&self.0).acquire_many_owned(ONE_MIB).await.ok(),
        }
    }
}
