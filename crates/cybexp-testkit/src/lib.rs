//! Helpers for tests: databases that are removed afterwards, sites, daemons as processes.

mod api;
mod clock;
mod compare;
pub mod cowrie;
mod daemon;
mod mongo;
mod people;
mod ports;
mod process;
mod proxy;
mod raw;
mod replica;
mod site;
mod verified;

pub use api::{Answer, Api, Form, answer};
pub use clock::JumpingClock;
pub use compare::Differences;
pub use daemon::{Daemon, eventually};
pub use mongo::{URL_VARIABLE, mongo_url, unique};
pub use ports::free_ports;
pub use process::status_of;
pub use proxy::{Line, Proxy};
pub use raw::ArchiveSize;
pub use replica::Replicas;
pub use site::Site;
pub use verified::{verified, verified_json};

/// Returns the time in Unix seconds.
pub fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
