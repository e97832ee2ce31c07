//! The only crate that names mongodb.
