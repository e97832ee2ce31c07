//! The input daemon: collects from feeds, files and sockets, and posts to the API.
//!
//! Each input is a task: its plugin fetches, the [`spool`] keeps, and the poster hands on to the API.

mod feed;
pub mod plugin;
pub mod record;
pub mod sink;
pub mod spool;
pub mod status;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "input";
