//! Every target on its seeds, and on mutations of them that are the same in each run.
//!
//! A long run takes some minutes for each target, with other mutations each time, and prints what it tried:
//! `FUZZ_MINUTES=10 cargo test --release -p cybexp-fuzz --test short -- --ignored --nocapture`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the long run tells what it did, and clippy sees helpers of a test as no test"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cybexp_filters::FILTERS;
use cybexp_fuzz::{Target, mutated, targets};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// The number of inputs of a short run, for each target.
const SHORT: u64 = 3000;
/// The longest input that mutation makes, in bytes.
const LONGEST: usize = 256 << 10;

#[test]
fn every_filter_is_a_target_and_every_target_has_seeds() {
    let all = targets();
    for filter in FILTERS {
        let name = format!("filter_{}", filter.name());
        assert!(all.iter().any(|target| target.name == name), "{name}");
    }
    for target in &all {
        assert!(target.seeds().len() > 1, "{}", target.name);
        let same = all.iter().filter(|other| other.name == target.name);
        assert_eq!(same.count(), 1, "{}", target.name);
    }
}

#[test]
fn seeds_and_mutations_of_them_are_read_or_refused() {
    let mut crashes = Vec::new();
    for target in targets() {
        let mut run = Run::new(target, 1);
        run.seeds();
        for _ in 0..SHORT {
            run.step(16 << 10);
        }
        println!("{}", run.report());
        crashes.extend(run.crashes);
    }
    assert!(crashes.is_empty(), "{crashes:#?}");
}

#[test]
#[ignore = "takes FUZZ_MINUTES (1) a target; by hand"]
fn mutations_for_long() {
    let minutes = std::env::var("FUZZ_MINUTES").map_or(1.0, |text| text.parse().expect("minutes"));
    let seed = std::env::var("FUZZ_SEED")
        .map_or_else(|_| rand::random(), |text| text.parse().expect("seed"));
    println!("FUZZ_SEED={seed}");
    std::panic::set_hook(Box::new(|_| {}));
    let mut crashes = Vec::new();
    for target in targets() {
        let mut run = Run::new(target, seed);
        let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
        while Instant::now() < end {
            run.step(LONGEST);
        }
        println!("{}", run.report());
        crashes.extend(run.crashes);
    }
    let _ = std::panic::take_hook();
    assert!(crashes.is_empty(), "{crashes:#?}");
}

/// The run of one target, and the outcomes so far.
struct Run {
    target: Target,
    corpus: Vec<Vec<u8>>,
    rng: StdRng,
    tried: u64,
    crashes: Vec<PathBuf>,
    slowest: (Duration, usize),
}

impl Run {
    fn new(target: Target, seed: u64) -> Self {
        Self {
            corpus: target.seeds(),
            target,
            rng: StdRng::seed_from_u64(seed),
            tried: 0,
            crashes: Vec::new(),
            slowest: (Duration::ZERO, 0),
        }
    }

    fn seeds(&mut self) {
        for seed in self.corpus.clone() {
            self.one(&seed);
        }
    }

    fn step(&mut self, longest: usize) {
        let seed = self.corpus.choose(&mut self.rng).unwrap();
        let other = self.corpus.choose(&mut self.rng).unwrap();
        // the rng is lent to both
        let mut rng = StdRng::seed_from_u64(self.rng.random());
        let input = mutated(seed, other, longest, &mut rng);
        self.one(&input);
    }

    fn one(&mut self, input: &[u8]) {
        self.tried += 1;
        let since = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| self.target.run(input)));
        let mut took = since.elapsed();
        if read.is_err() {
            let name = format!("crash-{}-{}", self.target.name, self.crashes.len());
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&path, input).unwrap();
            self.crashes.push(path);
        } else if took > self.slowest.0 {
            // measure again: the machine may have been busy with something else
            let since = Instant::now();
            self.target.run(input);
            took = took.min(since.elapsed());
            if took > self.slowest.0 {
                self.slowest = (took, input.len());
            }
        }
    }

    fn report(&self) -> String {
        let (took, bytes) = self.slowest;
        format!(
            "{}: {} inputs, {} crashes, slowest {:.1} ms ({bytes} bytes)",
            self.target.name,
            self.tried,
            self.crashes.len(),
            took.as_secs_f64() * 1e3
        )
    }
}
