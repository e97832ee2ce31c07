//! Messages that come shortly after one another, taken together.

use std::time::Duration;

use cybexp_spool::RecordBatch;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The time for which messages are gathered for one batch …
const GATHER: Duration = Duration::from_millis(50);
/// … and the time between two looks at the queue: waking up for each message would cost more.
const LOOK: Duration = Duration::from_millis(10);

/// Collects messages that come within [`GATHER`] of the first one into one batch.
pub(super) async fn gather<T>(
    queue: &mut mpsc::Receiver<T>,
    first: T,
    mut add: impl FnMut(T, &mut RecordBatch),
) -> RecordBatch {
    let mut batch = RecordBatch::new();
    add(first, &mut batch);
    let until = Instant::now() + GATHER;
    loop {
        while !batch.is_full() {
            match queue.try_recv() {
                Ok(next) => add(next, &mut batch),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return batch,
            }
        }
        if batch.is_full() || Instant::now() >= until {
            return batch;
        }
        tokio::time::sleep(LOOK).await;
    }
}
