//! For tests: databases that vanish, sites, daemons as processes.

pub mod cowrie;
mod daemon;
mod mongo;
mod raw;
mod site;

pub use daemon::{Daemon, eventually};
pub use mongo::{URL_VARIABLE, mongo_url, unique};
pub use site::Site;
