//! Time against input size, on inputs that attackers write, up to the size of a raw. A filter that takes linear time is
//! four times slower on four times the input. One that takes quadratic time is sixteen times slower.
//!
//! `cargo bench -p cybexp-filters --bench growth [NAME…]`

#![allow(clippy::print_stdout, reason = "it tells what it found")]

mod shapes;

use std::time::Instant;

use cybexp_filters::{FILTERS, RawInput};
use shapes::SHAPES;
use tahoe_core::{OrgId, Timestamp};

/// Sizes of the inputs in bytes; the last is about the 15 MiB at which a raw ends.
const SIZES: [usize; 4] = [230 << 10, 920 << 10, 3680 << 10, 14720 << 10];
/// Times below this, in milliseconds, cannot be told from noise.
const NOISE_MS: f64 = 2.0;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    println!(
        "{:<10} {:<38} {:>32}   largest ratio at 4 × the size",
        "filter", "shape", "ms at 0.23, 0.9, 3.7, 14.4 MiB"
    );
    for shape in SHAPES {
        let named = |name: &String| {
            shape.name.contains(name.as_str()) || shape.filter.contains(name.as_str())
        };
        if !wanted.is_empty() && !wanted.iter().any(named) {
            continue;
        }
        let times = SIZES.map(|bytes| time_ms(shape.filter, &(shape.make)(bytes)));
        let grows =
            |pair: &[f64]| (pair[1] >= NOISE_MS).then(|| pair[1] / pair[0].max(NOISE_MS / 4.0));
        let largest = times.windows(2).filter_map(grows).fold(0.0, f64::max);
        println!(
            "{:<10} {:<38} {:>7.1} {:>7.1} {:>7.1} {:>8.1}   {largest:.1}",
            shape.filter, shape.name, times[0], times[1], times[2], times[3]
        );
    }
}

/// Returns the shortest of three runs, in milliseconds.
fn time_ms(filter: &str, data: &serde_json::Value) -> f64 {
    let Some(filter) = FILTERS.iter().find(|known| known.name() == filter) else {
        panic!("no filter {filter}");
    };
    let orgid = OrgId::new("org").expect("an orgid");
    let raw = RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1.5).expect("finite"),
    };
    let tries = (0..3).map(|_| {
        let since = Instant::now();
        let made = filter.run(&raw);
        let took = since.elapsed().as_secs_f64() * 1e3;
        drop(made);
        took
    });
    tries.fold(f64::MAX, f64::min)
}
