//! Every filter on mutated fixtures: bytes flipped, cut off, doubled, spliced with those of another.
//!
//! The long run takes some minutes for each filter, and prints what it tried:
//! `FUZZ_MINUTES=10 cargo test --release -p cybexp-filters --test mutation -- --ignored --nocapture`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the long run tells what it did, and clippy sees helpers of a test as no test"
)]

mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{Case, cases};
use cybexp_filters::{FILTERS, Filter};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// Texts that attackers use, and texts with a meaning to some filter.
const TOKENS: &[&str] = &[
    "\0",
    "\r\n",
    "\n\n",
    "\u{feff}",
    "é",
    "\u{1f980}",
    "=?utf-8?B?",
    "=?utf-8?q?=FF?=",
    "--",
    "--b",
    "--b--",
    "Content-Type: multipart/mixed; boundary=b\n\n",
    "Content-Type: message/rfc822\n\n",
    "filename*0*=",
    "\"",
    "'",
    "\\",
    "<",
    ">",
    "(",
    ")",
    "[.]",
    "hxxp[:]//",
    "http://",
    "://",
    "//",
    "@",
    ":",
    ";",
    ",",
    "{",
    "}",
    "[",
    "]",
    "null",
    "-1",
    "1e308",
    "9223372036854775807",
    "99999999999999999999",
    "&#x110000;",
    "&amp;",
    "<a href=\"",
    "<!--",
    "%00",
    "xn--",
    "[::1]",
    "0x7f.1",
    "2020-04-28T00:00:05Z",
    "GMT",
];

/// The number of inputs of a short run, for each filter.
const SHORT: u64 = 4000;
/// The longest input that doubling makes, in bytes.
const LONGEST: usize = 256 << 10;

#[test]
fn mutated_fixtures_are_read_or_refused() {
    for filter in FILTERS {
        let mut run = Run::new(*filter, 1);
        for _ in 0..SHORT {
            run.step(16 << 10);
        }
        run.assert_no_crash();
    }
}

#[test]
#[ignore = "takes FUZZ_MINUTES (1) a filter; by hand"]
fn mutated_fixtures_for_long() {
    let minutes = std::env::var("FUZZ_MINUTES").map_or(1.0, |text| text.parse().expect("minutes"));
    let seed = std::env::var("FUZZ_SEED")
        .map_or_else(|_| rand::random(), |text| text.parse().expect("seed"));
    println!("FUZZ_SEED={seed}");
    std::panic::set_hook(Box::new(|_| {}));
    let mut runs = Vec::new();
    for filter in FILTERS {
        let mut run = Run::new(*filter, seed);
        let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
        while Instant::now() < end {
            run.step(LONGEST);
        }
        println!("{}", run.report());
        runs.push(run);
    }
    let _ = std::panic::take_hook();
    runs.iter().for_each(Run::assert_no_crash);
}

/// The run of one filter, and the outcomes so far.
struct Run {
    filter: &'static dyn Filter,
    corpus: Vec<Case>,
    rng: StdRng,
    tried: u64,
    refused: u64,
    crashes: Vec<PathBuf>,
    slowest: (Duration, usize),
}

impl Run {
    fn new(filter: &'static dyn Filter, seed: u64) -> Self {
        Self {
            filter,
            corpus: cases(filter),
            rng: StdRng::seed_from_u64(seed),
            tried: 0,
            refused: 0,
            crashes: Vec::new(),
            slowest: (Duration::ZERO, 0),
        }
    }

    fn step(&mut self, longest: usize) {
        let case = self.corpus.choose(&mut self.rng).unwrap().clone();
        let other = self.corpus.choose(&mut self.rng).unwrap().data.clone();
        let data = mutated(&case.data, &other, longest, &mut self.rng);
        let since = Instant::now();
        let made = catch_unwind(AssertUnwindSafe(|| case.run_on(self.filter, &data)));
        let mut took = since.elapsed();
        if took > self.slowest.0 && made.is_ok() {
            // Measure again: the machine may have been busy with something else.
            let since = Instant::now();
            let _ = case.run_on(self.filter, &data);
            took = took.min(since.elapsed());
        }
        self.tried += 1;
        if took > self.slowest.0 {
            self.slowest = (took, data.to_string().len());
        }
        match made {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => self.refused += 1,
            Err(_) => {
                let name = format!("crash-{}-{}.json", self.filter.name(), self.crashes.len());
                let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
                fs::write(&path, data.to_string()).unwrap();
                self.crashes.push(path);
            }
        }
    }

    fn report(&self) -> String {
        let Self {
            tried,
            refused,
            crashes,
            slowest: (took, bytes),
            ..
        } = self;
        let (name, crashes) = (self.filter.name(), crashes.len());
        format!(
            "{name}: {tried} inputs, {refused} of them refused, {crashes} crashes, slowest {:.1} ms ({bytes} bytes)",
            took.as_secs_f64() * 1e3
        )
    }

    fn assert_no_crash(&self) {
        assert!(
            self.crashes.is_empty(),
            "{} panicked on {:#?}",
            self.filter.name(),
            self.crashes
        );
    }
}

/// Mutates one of the texts in the data, or its JSON, which is then parsed as the archive parses it.
fn mutated(data: &Value, other: &Value, longest: usize, rng: &mut StdRng) -> Value {
    let mut data = data.clone();
    let texts = texts(&mut data);
    if rng.random_bool(0.7) && !texts.is_empty() {
        let mut others = other.clone();
        let other = self::texts(&mut others)
            .choose(rng)
            .map(|text| (*text).clone());
        let at = rng.random_range(0..texts.len());
        if let Some(text) = texts.into_iter().nth(at) {
            *text = mutated_text(text, &other.unwrap_or_default(), longest, rng);
        }
        return data;
    }
    let text = mutated_text(&data.to_string(), &other.to_string(), longest, rng);
    tahoe_core::json::parse(&text).unwrap_or_else(|_| json!({"data": text}))
}

/// Returns all texts in a value. Keys are not among them: they are mutated in the JSON only.
fn texts(value: &mut Value) -> Vec<&mut String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter_mut().flat_map(texts).collect(),
        Value::Object(map) => map.values_mut().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn mutated_text(text: &str, other: &str, longest: usize, rng: &mut StdRng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len());
        match rng.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                insert(&mut bytes, at, &piece);
            }
            5 => {
                // Repeat it many times: only so does growth faster than the input show.
                let piece = &bytes[at..end.min(at + 100)];
                let most = longest.saturating_sub(bytes.len()) / piece.len().max(1);
                let piece = piece.repeat(rng.random_range(0..=most));
                insert(&mut bytes, at, &piece);
            }
            6 => {
                let other = other.as_bytes();
                let from = rng.random_range(0..=other.len());
                let to = rng.random_range(from..=other.len());
                insert(&mut bytes, at, &other[from..to]);
            }
            _ => {
                let token = TOKENS.choose(rng).unwrap();
                insert(&mut bytes, at, token.as_bytes());
            }
        }
    }
    bytes.truncate(longest.max(text.len()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
