//! For tests: databases that vanish, fixtures, daemons on port 0.

mod mongo;

pub use mongo::{URL_VARIABLE, mongo_url, unique};
