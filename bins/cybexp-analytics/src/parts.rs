//! The parts that a filter makes of a batch, made on a thread of their own while others are written.

use std::ops::ControlFlow;

use cybexp_filters::Filter;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use crate::batch::{Part, TakenRaws, run_filter};
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
    thread: JoinHandle<()>,
}

impl Parts {
    /// Begins to make the parts of a batch. One is made ahead of what is taken.
    pub(crate) fn begin(
        filter: &'static dyn Filter,
        deriver: Option<Deriver>,
        raws: TakenRaws,
    ) -> Self {
        let (sender, parts) = mpsc::channel(1);
        let runtime = Handle::current();
        let thread = tokio::task::spawn_blocking(move || {
            // room before the part is made: else two would be ahead
            let Ok(permit) = runtime.block_on(sender.clone().reserve_owned()) else {
                return;
            };
            let mut room = Some(permit);
            run_filter(filter, raws, &mut |mut part| {
                let met = deriver
                    .as_ref()
                    .map(|deriver| deriver.derive(&mut part.graph));
                let part = DerivedPart { part, met };
                if let Some(permit) = room.take() {
                    permit.send(Box::new(part));
                }
                match runtime.block_on(sender.clone().reserve_owned()) {
                    Ok(permit) => {
                        room = Some(permit);
                        ControlFlow::Continue(())
                    }
                    Err(_) => ControlFlow::Break(()),
                }
            });
        });
        Self { parts, thread }
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
