//! The `cybexp-input` daemon, and the command that controls it.

fn main() {}
