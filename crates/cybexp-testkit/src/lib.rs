//! Helpers for tests: databases that are removed afterwards, sites, daemons as processes.

mod api;
pub mod cowrie;
mod daemon;
mod mongo;
mod people;
mod ports;
mod process;
mod raw;
mod site;

pub use api::{Answer, Api, Form, answer};
pub use daemon::{Daemon, eventually};
pub use mongo::{URL_VARIABLE, mongo_url, unique};
pub use ports::free_ports;
pub use process::status_of;
pub use raw::ArchiveSize;
pub use site::Site;

/// Returns the time in Unix seconds.
pub fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
