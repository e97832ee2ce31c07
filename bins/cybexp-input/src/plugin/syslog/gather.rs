//! Messages that come shortly after one another, taken together.

use std::time::Duration;

use cybexp_spool::Batch;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// For so long messages are gathered for one batch …
const GATHER: Duration = Duration::from_millis(50);
/// … and looked for that often, for to be woken by each would cost more.
const LOOK: Duration = Duration::from_millis(10);

/// What comes within a short time, as one batch.
pub(super) async fn gather<T>(
    queue: &mut mpsc::Receiver<T>,
    first: T,
    mut add: impl FnMut(T, &mut Batch),
) -> Batch {
    let mut batch = Batch::new();
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
