//! How the command speaks to the daemon: JSON texts over a websocket on loopback, one request and one answer each.
//!
//! The request for the websocket carries the nonce of `runningconfig` as a bearer token; without the right one there is no
//! websocket. That also keeps a page in somebody's browser out, which may connect to loopback but does not know it.

pub(crate) mod client;
pub(crate) mod server;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::daemon_status::DaemonStatus;
use crate::select::Select;

/// The longest message: a status of some thousand inputs.
const MESSAGE_BYTES: usize = 4 << 20;

/// A request to the daemon.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// How is it?
    Status {
        #[serde(default)]
        select: Select,
    },
    /// Start these; answered when it is known how that went.
    Start {
        #[serde(default)]
        select: Select,
    },
    /// Stop these; all: the daemon itself.
    Stop {
        #[serde(default)]
        select: Select,
    },
    /// Read the configuration again; answered when it is known how that went.
    Restart {
        #[serde(default)]
        select: Select,
        /// Also those that have not changed.
        #[serde(default)]
        every: bool,
    },
    /// Forget these, which the configuration has no more, with what is left of them in the spool.
    Drop {
        /// Their names.
        names: Vec<String>,
    },
}

/// The daemon's reply to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ControlReply {
    /// Done; this is how it is now.
    Status(Box<DaemonStatus>),
    /// Dropped: so many records of each.
    Dropped(BTreeMap<String, u64>),
    /// The request was not carried out, for this reason.
    Error(String),
}
