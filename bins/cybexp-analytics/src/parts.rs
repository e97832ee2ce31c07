//! The parts that a filter makes of a batch, made on a thread of their own while others are written.

use std::ops::ControlFlow;
use std::sync::Arc;

use cybexp_filters::Filter;
use cybexp_store::UnreadRaw;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use crate::batch::{Part, run_filter};
use crate::second::{Deriver, Met};

/// A part, with what the second stage derived from it.
pub(crate) struct DerivedPart {
    pub(crate) part: Part,
    /// The attributes from which the second stage derived events.
    pub(crate) met: Option<Met>,
}

/// A filter at work on a batch. Dropped, it makes no further part.
pub(crate) struct Parts {
    parts: Receiver<Box<DerivedPart>>,
    /// Permits to make a part each, so that one at most is ahead of the part that is written.
    room: Arc<Semaphore>,
    thread: JoinHandle<()>,
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.room.close();
    }
}

impl Parts {
    /// Begins to make the first part of a batch. The raws are read one by one: a value takes much more memory than its
    /// document.
    pub(crate) fn begin(
        filter: &'static dyn Filter,
        deriver: Option<Deriver>,
        raws: Vec<UnreadRaw>,
    ) -> Self {
        let (sender, parts) = mpsc::channel(1);
        let room = Arc::new(Semaphore::new(1));
        let permits = Arc::clone(&room);
        let runtime = Handle::current();
        let thread = tokio::task::spawn_blocking(move || {
            let wait = || match runtime.block_on(permits.acquire()) {
                Ok(permit) => {
                    permit.forget();
                    ControlFlow::Continue(())
                }
                Err(_) => ControlFlow::Break(()),
            };
            if wait().is_break() {
                return;
            }
            let raws = raws.into_iter().map(UnreadRaw::read);
            run_filter(filter, raws, &mut |mut part| {
                let met = deriver
                    .as_ref()
                    .map(|deriver| deriver.derive(&mut part.graph));
                let part = Box::new(DerivedPart { part, met });
                match sender.blocking_send(part) {
                    Ok(()) => wait(),
                    Err(_) => ControlFlow::Break(()),
                }
            });
        });
        Self {
            parts,
            room,
            thread,
        }
    }

    /// Has the next part made, now that one is about to be written.
    pub(crate) fn go_on(&self) {
        self.room.add_permits(1);
    }

    /// Returns the next part; `None` when all raws of the batch are through. Do not ask again after that.
    ///
    /// # Errors
    /// If the thread died.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Box<DerivedPart>>> {
        match self.parts.recv().await {
            Some(part) => Ok(Some(part)),
            None => {
                (&mut self.thread).await?;
                Ok(None)
            }
        }
    }
}
