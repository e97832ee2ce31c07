//! Time grows no faster than the input: each target on inputs in which one part is repeated, short and four times as long.
//!
//! `GROWTH_SECONDS=60 cargo test -p cybexp-fuzz --test growth -- --ignored --nocapture` tries for so long on each target;
//! `GROWTH_TARGET=filter_email` names one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it tells what it did, and clippy sees helpers of a test as no test"
)]

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cybexp_fuzz::{Stretch, Target, targets};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Lengths that are compared, in bytes.
const SHORT: usize = 16 << 10;
const LONG: usize = 4 * SHORT;
/// Less time than this tells nothing.
const TELLS: Duration = Duration::from_millis(60);
/// Growth of the time, for four times the input, that is no longer linear. Quadratic is 16.
const TOO_MUCH: f64 = 8.0;

fn timed(target: &Target, input: &[u8]) -> Duration {
    let since = Instant::now();
    target.run(input);
    since.elapsed()
}

/// Returns the growth of the time if it is too much, also when it is measured again: the machine may have been busy.
fn growth(target: &Target, stretch: &Stretch) -> Option<f64> {
    let (short, long) = (stretch.to(SHORT), stretch.to(LONG));
    let mut least = (Duration::MAX, Duration::MAX);
    for _ in 0..4 {
        least.1 = least.1.min(timed(target, &long));
        if least.1 < TELLS {
            return None;
        }
        least.0 = least.0.min(timed(target, &short));
        let growth = least.1.as_secs_f64() / least.0.as_secs_f64();
        if growth < TOO_MUCH {
            return None;
        }
    }
    Some(least.1.as_secs_f64() / least.0.as_secs_f64())
}

#[test]
#[ignore = "takes GROWTH_SECONDS (10) a target; by hand"]
fn time_grows_no_faster_than_the_input() {
    let seconds = env::var("GROWTH_SECONDS").map_or(10.0, |text| text.parse().expect("seconds"));
    let only = env::var("GROWTH_TARGET").ok();
    let mut found = Vec::new();
    for target in targets() {
        if only.as_ref().is_some_and(|only| *only != target.name) {
            continue;
        }
        let seeds = target.seeds();
        let mut rng = StdRng::seed_from_u64(rand::random());
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let (mut tried, mut slowest, mut worst) = (0, Duration::ZERO, 0.0_f64);
        while Instant::now() < end {
            let stretch = Stretch::of(seeds.choose(&mut rng).unwrap(), &mut rng);
            tried += 1;
            let long = stretch.to(LONG);
            let took = timed(&target, &long);
            let keep = |what: &str| {
                let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
                let path = path.join(format!("{what}-{}", target.name));
                fs::write(&path, &long).unwrap();
                path
            };
            if took > slowest {
                slowest = took;
                keep("slowest");
            }
            if took > TELLS
                && let Some(growth) = growth(&target, &stretch)
                && growth > worst
            {
                worst = growth;
                found.push((keep("growth"), growth));
            }
        }
        let slowest = slowest.as_secs_f64() * 1e3;
        println!(
            "{}: {tried} inputs of {LONG} bytes, slowest {slowest:.1} ms, growth {worst:.1}",
            target.name
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}
