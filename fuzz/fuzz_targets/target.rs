//! Runs the target that `FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use cybexp_fuzz::{Target, targets};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let mut all = targets().into_iter();
    let found = all.find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name}"))
});

fuzz_target!(|bytes: &[u8]| TARGET.run(bytes));
