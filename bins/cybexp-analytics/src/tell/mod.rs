//! New events are told to those who wait for them, before their raws are marked.

mod brief;
mod live;
mod matching;
mod notices;

use std::collections::HashMap;

use cybexp_service::{Config, NoticeMacs};
use cybexp_store::{GraphBatch, GraphWriter, Identity, Server, StoreError, Written};
use tahoe_core::{Event, Hash};

use live::LiveRows;
use notices::Notices;

use crate::clock::now;

/// The age of a raw beyond which nobody is told of it, in seconds. The outbox remembers for a day longer what it told.
const OLD_S: f64 = 7.0 * 86_400.0;

/// Returns the keys with which rows are signed. Without the secret nothing is told, for nobody would believe it.
pub(crate) fn macs(config: &Config) -> Option<NoticeMacs> {
    match NoticeMacs::new(config) {
        Ok(macs) => Some(macs),
        Err(error) => {
            tracing::warn!(
                %error,
                "nobody is told of new events: neither GET /live nor subscriptions work"
            );
            None
        }
    }
}

/// Tells new events; cheap to clone.
#[derive(Clone)]
pub(crate) struct Teller {
    live: LiveRows,
    notices: Notices,
}

impl Teller {
    pub(crate) async fn open(
        server: &Server,
        db: &str,
        identity: Identity,
        macs: NoticeMacs,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            live: LiveRows::open(server, db, macs.clone()).await?,
            notices: Notices::open(server, db, identity, macs).await?,
        })
    }

    /// Tells the new events of a batch that is written. Only those in `first` are told, which are of raws that no version of
    /// the filter has read before: replays and new versions tell nobody.
    pub(crate) async fn tell(
        &self,
        writer: &GraphWriter,
        graph: &GraphBatch,
        first: &HashMap<Hash, f64>,
        written: &Written,
    ) -> Result<(), StoreError> {
        let since = now() - OLD_S;
        let first: Vec<&Event> = first
            .iter()
            .filter(|(_, accepted)| **accepted >= since)
            .filter_map(|(hash, _)| graph.observation(*hash))
            .collect();
        if first.is_empty() {
            return Ok(());
        }
        self.notices.tell(writer, graph, &first, written).await?;
        self.live.tell(&first, written).await
    }
}
