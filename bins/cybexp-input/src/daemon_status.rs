//! The status of an input daemon, as `status` shows it.

use serde::{Deserialize, Serialize};

use crate::api::ApiStatus;
use crate::status::InputStatus;

/// The status of a daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The id of its process.
    pub pid: u32,
    /// The time of its start, in Unix seconds.
    pub since: f64,
    /// Its configuration file.
    pub config: String,
    /// The API that it posts to.
    pub api: ApiStatus,
    /// The spool.
    pub spool: SpoolStatus,
    /// The inputs that were asked for.
    pub inputs: Vec<InputStatus>,
}

/// The size of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// Bytes of the disk in use.
    pub used_bytes: u64,
    /// `input.spool_max_bytes`.
    pub max_bytes: u64,
}

impl DaemonStatus {
    /// Tells if all inputs are well. The API may be away, because nothing is lost then.
    pub fn is_right(&self) -> bool {
        self.inputs.iter().all(InputStatus::is_right)
    }
}
