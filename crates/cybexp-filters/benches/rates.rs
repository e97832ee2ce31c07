//! Measures how many records a second each filter reads on one core, without a database. The inputs are those fixtures
//! that the filter does not refuse.
//!
//! `cargo bench -p cybexp-filters --bench rates`

#![allow(clippy::print_stdout, reason = "it tells what it found")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Case, cases};
use cybexp_filters::{FILTERS, Filter};

const LONG: Duration = Duration::from_secs(3);

fn main() {
    println!(
        "{:<12} {:>6} {:>12} {:>10} {:>12}",
        "filter", "cases", "records/s", "MB/s", "instances/s"
    );
    for filter in FILTERS {
        let mut cases = cases(*filter);
        cases.retain(|case| case.run(*filter).is_ok());
        measure(*filter, &cases);
    }
}

fn measure(filter: &dyn Filter, cases: &[Case]) {
    let bytes: usize = cases.iter().map(|case| case.data.to_string().len()).sum();
    let made: usize = cases.iter().map(|case| instances(filter, case)).sum();
    let since = Instant::now();
    let mut rounds = 0_u32;
    while since.elapsed() < LONG {
        for case in cases {
            let _ = black_box(case.run(filter));
        }
        rounds += 1;
    }
    let a_second = f64::from(rounds) / since.elapsed().as_secs_f64();
    println!(
        "{:<12} {:>6} {:>12.0} {:>10.1} {:>12.0}",
        filter.name(),
        cases.len(),
        a_second * cases.len() as f64,
        a_second * bytes as f64 / 1e6,
        a_second * made as f64,
    );
}

/// Counts the events and sessions that a case makes, with the instances that they refer to.
fn instances(filter: &dyn Filter, case: &Case) -> usize {
    let Ok(made) = case.run(filter) else { return 0 };
    let events = made
        .events
        .iter()
        .map(|event| 1 + event.children().refs().len());
    let sessions = made
        .sessions
        .iter()
        .map(|session| 1 + session.children().refs().len());
    events.chain(sessions).sum()
}
