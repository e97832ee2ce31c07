//! All that reads what attackers write, as functions of bytes that must neither panic nor take long.
//!
//! A [`Target`] also checks what must hold of its result, such as that a value which is written and read again is the
//! same. Targets run in two ways:
//!
//! - `cargo test -p cybexp-fuzz` runs each on its seeds and on some thousand mutations of them. `.ci/run` does that.
//! - `fuzz/run SECONDS TARGET` runs one with libFuzzer, which finds inputs by the code that they reach. It needs the
//!   nightly toolchain and `cargo install cargo-fuzz`.
//!
//! To add one: its function in a file of `targets/`, and its line in [`targets()`].

mod mutate;
mod seeds;
mod stretch;
mod targets;

pub use mutate::mutated;
pub use stretch::Stretch;
pub use targets::{Target, targets};
