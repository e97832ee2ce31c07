//! Synthetic honeypot records, as varied and as repetitive as real ones.
//!
//! A few attackers, passwords and payloads make most of the records, and many rare ones make the rest, so most values
//! of a record occurred before. Sessions overlap, and all records are in the order of their time, as in the log of a
//! busy sensor.

mod pools;
mod session;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use pools::Pools;

/// The start of the first session, 2026-11-02T00:00:00Z, in microseconds.
const START_US: i64 = 1_793_577_600_000_000;
/// The mean time between the starts of two sessions in microseconds: some 2,000 sessions a day.
const GAP_US: f64 = 43e6;

/// Returns `count` lines as Cowrie logs them, about twelve to a session, in the order of time. The same seed gives the
/// same lines, and no line occurs twice.
pub fn records(count: usize, seed: u64) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let pools = Pools::new(&mut rng);
    let mut at_us = START_US;
    let mut lines: Vec<(i64, String)> = Vec::with_capacity(count + 100);
    while lines.len() < count {
        at_us += (-GAP_US * (1.0 - rng.random::<f64>()).ln()) as i64;
        session::log(&pools, &mut rng, at_us, &mut lines);
    }
    lines.sort();
    lines
        .into_iter()
        .map(|(_, line)| line)
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_lines() {
        assert_eq!(records(300, 1), records(300, 1));
        assert_ne!(records(300, 1), records(300, 2));
    }

    #[test]
    fn lines_are_records_in_the_order_of_time_and_none_comes_twice() {
        let lines = records(5000, 7);
        assert_eq!(lines.len(), 5000);
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), 5000);
        let records: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let texts = |field: &str| {
            let of = records
                .iter()
                .map(|record| record[field].as_str().unwrap().to_owned());
            of.collect::<Vec<String>>()
        };
        assert!(texts("timestamp").is_sorted());
        let sessions = texts("session").into_iter().collect::<BTreeSet<_>>().len();
        assert!((9..=15).contains(&(5000 / sessions)), "{sessions} sessions");
        let kinds: BTreeSet<String> = texts("eventid").into_iter().collect();
        assert!(kinds.len() >= 12, "{kinds:?}");
        let attackers = texts("src_ip").into_iter().collect::<BTreeSet<_>>().len();
        assert!(
            attackers * 2 < sessions,
            "{attackers} attackers in {sessions} sessions"
        );
    }
}
