//! Sealing speed of both formats: `cargo bench -p cybexp-seal`.
#![allow(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::time::Instant;

use cybexp_seal::{Format, PrivateKey};

const BYTES: usize = 64 << 20;
const RUNS: usize = 5;

fn main() {
    let key = PrivateKey::generate(2048).expect("a key is made");
    let public = key.public_key();
    let plain = vec![b'x'; BYTES];
    let best = |seal: &dyn Fn()| {
        let run = || {
            let start = Instant::now();
            seal();
            start.elapsed()
        };
        let best = (0..RUNS).map(|_| run()).min().unwrap_or_default();
        (BYTES >> 20) as f64 / best.as_secs_f64()
    };
    for format in [Format::Jwe, Format::Legacy] {
        let whole = best(&|| drop(public.seal(format, &plain)));
        println!("{format:?}: {whole:.0} MiB/s");
    }
}
