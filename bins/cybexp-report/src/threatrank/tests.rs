//! Graphs small enough to work out by hand, and any other against an enumeration of all paths.

#![allow(clippy::print_stdout, reason = "the figures are for people")]

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{Event, Graph, Rank, STEPS};

const NOW: f64 = 1_700_000_000.0;

/// `m` before an event's attributes: malicious; `@n`: so many days old. The first event is the target.
fn graph(events: &[&str]) -> Graph {
    let names: BTreeSet<char> = events
        .iter()
        .flat_map(|e| e.chars())
        .filter(|c| c.is_uppercase())
        .collect();
    let names = Vec::from_iter(names);
    let mut graph = Graph {
        events: Vec::new(),
        attributes: vec![Some(Vec::new()); names.len()],
        sampled: BTreeSet::new(),
    };
    for (index, text) in events.iter().enumerate() {
        let (text, days) = text.split_once('@').unwrap_or((text, "0"));
        let days: f64 = days.parse().unwrap();
        let mut event = Event::new(NOW - 86_400.0 * days, text.starts_with('m'), NOW);
        let attributes = names
            .iter()
            .enumerate()
            .filter(|(_, name)| text.contains(**name));
        let attributes: Vec<usize> = attributes.map(|(index, _)| index).collect();
        attributes
            .iter()
            .for_each(|&a| graph.attributes[a].as_mut().unwrap().push(index));
        event.attributes = Some(attributes);
        graph.events.push(event);
    }
    graph
}

#[test]
fn small_graphs_have_the_score_worked_out_by_hand() {
    for (events, score, paths) in [
        // nothing malicious, nothing shared
        (&["AB", "A", "B"][..], 0.0, 0),
        (&["A", "mB"], 0.0, 0),
        (&["", "mB"], 0.0, 0),
        // malicious itself
        (&["mA", "mA"], -1.0, 0),
        // m: 1/1, A: 1/2
        (&["A", "mA"], -0.5, 1),
        // m: 1/2, for it has two attributes
        (&["A", "mAB"], -0.25, 1),
        // the target's own attributes do not count
        (&["ABC", "mA"], -0.5, 1),
        // A is in three events
        (&["A", "mA", "A"], -1.0 / 3.0, 1),
        (&["A", "mA", "mA"], -2.0 / 3.0, 2),
        // two ways: m 1/2, A or B 1/2
        (&["AB", "mAB"], -0.5, 2),
        // m 1, B 1/2, e 1/2, A 1/2
        (&["A", "AB", "mB"], -0.125, 1),
        // 6 edges: m 1, C 1/2, e 1/2, B 1/2, e 1/2, A 1/2
        (&["A", "AB", "BC", "mC"], -1.0 / 32.0, 1),
        // 8 edges are too many
        (&["A", "AB", "BC", "CD", "mD"], 0.0, 0),
        // through a malicious event: m 1/2 · A 1/2, and m 1 · B 1/2 · m 1/2 · A 1/2
        (&["A", "mAB", "mB"], -0.25 - 0.125, 2),
        // a path does not come back to an event or attribute: A only once, though B leads back
        (
            &["A", "AB", "mAB"],
            -1.0 / 6.0 - 1.0 / 2.0 * 1.0 / 2.0 * 1.0 / 2.0 * 1.0 / 3.0,
            2,
        ),
        // nor lead through the target
        (&["AB", "mA", "B"], -0.5, 1),
        // 0.998 to the age in days, of the start and of those between
        (&["A", "mA@1"], -0.5 * 0.998, 1),
        (&["A@9", "AB@2", "mB@3"], -0.125 * 0.998_f64.powi(5), 1),
        (&["A", "mA@0.5"], -0.5 * 0.998_f64.sqrt(), 1),
        // the future is no better than now
        (&["A", "mA@-4"], -0.5, 1),
    ] {
        let rank = graph(events).rank(STEPS, None);
        assert!((rank.score - score).abs() < 1e-15, "{events:?}: {rank:?}");
        assert_eq!((rank.paths, rank.error_bound), (paths, 0.0), "{events:?}");
        assert!(rank.score.is_sign_positive() || rank.score < 0.0, "no -0.0");
    }
}

#[test]
fn a_path_counts_for_each_of_its_attributes() {
    let rank = graph(&["AC", "AB", "mB", "mC"]).rank(STEPS, None);
    assert_eq!((rank.score, rank.paths), (-0.125 - 0.5, 2));
    assert_eq!(rank.contributions, [-0.125, -0.125, -0.5]);
}

#[test]
fn what_is_behind_a_gap_is_bounded() {
    // one for each number of hops through an attribute of the target
    let mut hub = graph(&["AB", "mA", "mB"]);
    hub.attributes[0] = None;
    let rank = hub.rank(STEPS, None);
    assert_eq!((rank.score, rank.error_bound), (-0.5, 3.0));

    // A 1/2, and the event at most 0.998 each for one, two and three hops
    let mut unread = graph(&["A", "mAB@1"]);
    unread.events[1].attributes = None;
    assert_eq!(
        unread.rank(STEPS, None).error_bound,
        3.0 * 0.5 * unread.events[1].decay
    );
    // what is not malicious begins no path
    let mut unread = graph(&["A", "AB@1"]);
    unread.events[1].attributes = None;
    assert_eq!(
        unread.rank(STEPS, None).error_bound,
        2.0 * 0.5 * unread.events[1].decay
    );
}

#[test]
fn a_graph_too_large_to_search_still_has_its_shortest_paths() {
    let events: Vec<String> = ["ABCD".to_owned()]
        .into_iter()
        .chain((0..60).map(|_| "mABCD".to_owned()))
        .collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let graph = graph(&events);
    let all = graph.rank(u64::MAX, None);
    assert_eq!(all.error_bound, 0.0);
    let some = graph.rank(1000, None);
    assert!(some.paths >= 240 && some.paths < all.paths, "{some:?}");
    assert!(
        some.score - all.score <= some.error_bound && some.error_bound < 10.0,
        "{some:?}"
    );
}

/// The definition, word for word: all simple paths from each malicious event forward to the target.
fn enumerate(graph: &Graph) -> (f64, u64) {
    fn forward(graph: &Graph, path: &mut Vec<(bool, usize)>, product: f64, found: &mut (f64, u64)) {
        let &(is_event, at) = path.last().unwrap();
        if is_event && at == 0 {
            *found = (found.0 - product, found.1 + 1);
            return;
        }
        let neighbours = match is_event {
            true => graph.events[at].attributes.as_ref().unwrap(),
            false => graph.attributes[at].as_ref().unwrap(),
        };
        let decay = if is_event {
            graph.events[at].decay
        } else {
            1.0
        };
        let product = product * decay / neighbours.len() as f64;
        for &next in neighbours {
            let next = (!is_event, next);
            // as many edges as nodes before the next one
            if path.len() <= 6 && !path.contains(&next) {
                path.push(next);
                forward(graph, path, product, found);
                path.pop();
            }
        }
    }
    let mut found = (0.0, 0);
    for (index, event) in graph.events.iter().enumerate() {
        if event.malicious {
            forward(graph, &mut vec![(true, index)], 1.0, &mut found);
        }
    }
    found
}

fn any_graph() -> impl Strategy<Value = Graph> {
    let event = (
        prop::collection::vec(any::<bool>(), 6),
        any::<bool>(),
        0..2000_u32,
    );
    prop::collection::vec(event, 1..8).prop_map(|events| {
        let texts: Vec<String> = events
            .iter()
            .enumerate()
            .map(|(index, (refs, malicious, days))| {
                let start = if *malicious && index > 0 { "m" } else { "" };
                let refs: String = "ABCDEF"
                    .chars()
                    .zip(refs)
                    .filter(|(_, in_it)| **in_it)
                    .map(|(c, _)| c)
                    .collect();
                format!("{start}{refs}@{days}")
            })
            .collect();
        graph(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

const GRAPHS: u32 = 10_000;

fn config() -> Config {
    Config {
        // a graph that fails is shown, and goes into a test of its own
        failure_persistence: None,
        ..Config::with_cases(GRAPHS)
    }
}

#[test]
fn it_is_the_sum_over_all_simple_paths() {
    let mut runner = TestRunner::new(config());
    let worst = Cell::new(0.0_f64);
    let same = runner.run(&any_graph(), |graph| {
        let Rank {
            score,
            paths,
            error_bound,
            ..
        } = graph.rank(u64::MAX, None);
        let (expected, expected_paths) = enumerate(&graph);
        prop_assert_eq!((paths, error_bound), (expected_paths, 0.0));
        let relative = (score - expected).abs() / expected.abs().max(f64::MIN_POSITIVE);
        worst.set(worst.get().max(relative));
        prop_assert!(relative <= 1e-9, "{score} is not {expected}");
        Ok(())
    });
    same.unwrap();
    println!("{GRAPHS} graphs, largest relative error {:e}", worst.get());
}

#[test]
fn the_true_score_is_within_the_bound() {
    let partial = (
        any_graph(),
        prop::collection::vec(prop::bool::weighted(0.2), 7),
        prop::collection::vec(prop::bool::weighted(0.2), 6),
        prop::collection::vec(any::<prop::sample::Index>(), 6),
        prop_oneof![Just(u64::MAX), 0..200_u64],
    );
    let mut runner = TestRunner::new(config());
    let inexact = Cell::new(0);
    let within = runner.run(&partial, |(graph, unread, hubs, draws, steps)| {
        let (expected, expected_paths) = enumerate(&graph);
        let mut partial = graph.clone();
        for (event, _) in partial
            .events
            .iter_mut()
            .skip(1)
            .zip(unread)
            .filter(|(_, hide)| *hide)
        {
            event.attributes = None;
        }
        let mut sampled = false;
        for (attribute, (hub, draws)) in hubs.into_iter().zip(draws).enumerate() {
            let Some(Some(events)) = partial.attributes.get_mut(attribute).filter(|_| hub) else {
                continue;
            };
            // a hub of which nothing is known, or one of which some events are
            match draws.index(3) {
                0 => partial.attributes[attribute] = None,
                _ if events.is_empty() => {}
                _ => {
                    events.truncate(draws.index(events.len()) + 1);
                    partial.sampled.insert(attribute);
                    sampled = true;
                }
            }
        }
        let rank = partial.rank(steps, None);
        let missing = rank.score - expected;
        prop_assert!(missing <= rank.error_bound + 1e-12, "{expected}: {rank:?}");
        let least = if sampled { -rank.error_bound } else { 0.0 };
        prop_assert!(missing >= least - 1e-12, "{expected}: {rank:?}");
        if rank.error_bound > 0.0 {
            inexact.set(inexact.get() + 1);
        } else {
            prop_assert_eq!(rank.paths, expected_paths);
        }
        Ok(())
    });
    within.unwrap();
    println!("{GRAPHS} graphs, {} not exact", inexact.get());
    assert!(inexact.get() > GRAPHS / 4);
}

/// Large enough that a sample tells something: everyone's attribute is a hub, of which a part is drawn by chance.
#[test]
fn a_sample_comes_near_the_score_of_all() {
    const EVENTS: usize = 250;
    const OTHERS: usize = 60;
    let mut rng = StdRng::seed_from_u64(7);
    let (mut worst, mut bounds) = (0.0_f64, 0.0);
    for _ in 0..60 {
        let mut graph = Graph {
            events: Vec::new(),
            attributes: vec![Some(Vec::new()); OTHERS + 1],
            sampled: BTreeSet::new(),
        };
        let share = rng.random::<f64>();
        for number in 0..EVENTS {
            let days = rng.random_range(0.0..400.0);
            let malicious = number > 0 && rng.random_bool(share);
            let mut event = Event::new(NOW - 86_400.0 * days, malicious, NOW);
            let mut attributes = vec![0];
            if number > 0 {
                attributes.push(rng.random_range(1..=OTHERS));
            }
            attributes
                .iter()
                .for_each(|&a| graph.attributes[a].as_mut().unwrap().push(number));
            event.attributes = Some(attributes);
            graph.events.push(event);
        }
        let all = graph.rank(u64::MAX, None);
        let mut drawn: Vec<usize> = (0..EVENTS).collect();
        drawn.shuffle(&mut rng);
        drawn.truncate(200);
        drawn.sort_unstable();
        graph.attributes[0] = Some(drawn);
        graph.sampled.insert(0);
        let rank = graph.rank(u64::MAX, None);
        let error = (rank.score - all.score).abs();
        assert!(error <= rank.error_bound, "{error}: {}", rank.error_bound);
        worst = worst.max(error);
        bounds += rank.error_bound / 60.0;
    }
    println!("samples of 200 of 250: largest error {worst:.4}, mean bound {bounds:.3}");
    assert!(worst < 0.1 && bounds < 1.5, "{worst}, {bounds}");
}
