//! Graphs small enough to compute by hand, and random ones compared with an enumeration of all paths.

#![allow(clippy::print_stdout, reason = "the figures are for people")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm::ChaCha, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::graph::{EventNode, Graph};
use crate::search::{Rank, STEPS};
use crate::walks::{Gaps, Walked};

const NOW: f64 = 1_700_000_000.0;

/// Makes a graph of events, each given by its attributes. `m` before these means malicious, `@n` means n days old. The
/// first event is the target.
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
        ends: BTreeMap::new(),
    };
    for (index, text) in events.iter().enumerate() {
        let (text, days) = text.split_once('@').unwrap_or((text, "0"));
        let days: f64 = days.parse().unwrap();
        let mut event = EventNode::new(NOW - 86_400.0 * days, text.starts_with('m'), NOW);
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
        // a path does not return to an event or attribute: A occurs only once, though B leads back
        (
            &["A", "AB", "mAB"],
            -1.0 / 6.0 - 1.0 / 2.0 * 1.0 / 2.0 * 1.0 / 2.0 * 1.0 / 3.0,
            2,
        ),
        // nor does a path lead through the target
        (&["AB", "mA", "B"], -0.5, 1),
        // 0.998 to the power of the age in days, of the start and of the events between
        (&["A", "mA@1"], -0.5 * 0.998, 1),
        (&["A@9", "AB@2", "mB@3"], -0.125 * 0.998_f64.powi(5), 1),
        (&["A", "mA@0.5"], -0.5 * 0.998_f64.sqrt(), 1),
        // an event in the future counts as one now
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
    // the sum through an attribute is at most 1
    let mut hub = graph(&["AB", "mA", "mB"]);
    hub.attributes[0] = None;
    let rank = hub.rank(STEPS, None);
    assert_eq!((rank.score, rank.error_bound), (-0.5, 0.0));
    assert_eq!(Gaps::of(&hub).mass(), 1.0);

    // A 1/2, and the event
    let mut unread = graph(&["A", "mAB@1"]);
    unread.events[1].attributes = None;
    assert_eq!(Gaps::of(&unread).mass(), 0.5 * unread.events[1].decay);
    // an event that is not malicious begins no path, and three hops away it could only be a beginning
    let mut unread = graph(&["A", "AB", "BC", "CD"]);
    assert_eq!(Gaps::of(&unread).mass(), 0.0);
    unread.events[3].attributes = None;
    assert_eq!(Gaps::of(&unread).mass(), 0.0);
    unread.events[3].malicious = true;
    assert_eq!(Gaps::of(&unread).mass(), 0.5_f64.powi(5));
}

#[test]
fn nothing_is_behind_the_gaps_of_a_malicious_target() {
    let mut malicious = graph(&["mA", "mA"]);
    malicious.attributes[0] = None;
    assert_eq!(Gaps::of(&malicious).mass(), 0.0);
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

/// Enumerates all simple paths from each malicious event to the target, as in the definition.
fn enumerate(graph: &Graph) -> (f64, u64) {
    fn forward(graph: &Graph, path: &mut Vec<(bool, usize)>, product: f64, found: &mut (f64, u64)) {
        let &(is_event, at) = path.last().unwrap();
        let neighbours = match is_event {
            true => graph.events[at].attributes.as_ref().unwrap(),
            false => graph.attributes[at].as_ref().unwrap(),
        };
        // event 0 is the target, or stands for the attribute that is
        let is_target = match is_event {
            true => at == 0,
            false => graph.ends.contains_key(&at),
        };
        if is_target {
            *found = (found.0 - product, found.1 + 1);
        }
        let edges = path.len();
        let most = if graph.ends.is_empty() { 6 } else { 5 };
        if edges > most || (is_event && is_target) {
            return;
        }
        let decay = if is_event {
            graph.events[at].decay
        } else {
            1.0
        };
        let product = product * decay / neighbours.len() as f64;
        for &next in neighbours {
            let next = (!is_event, next);
            if !path.contains(&next) {
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

/// Makes the graph of an attribute in these forms: event 0 is no event of any attribute, and has only these.
fn of_attribute(mut graph: Graph, forms: &[usize]) -> Graph {
    for events in graph.attributes.iter_mut().flatten() {
        events.retain(|event| *event != 0);
    }
    let forms: BTreeSet<usize> = forms
        .iter()
        .filter(|_| !graph.attributes.is_empty())
        .map(|form| form % graph.attributes.len())
        .collect();
    let degree = |form: usize| graph.attributes[form].as_ref().unwrap().len() as f64;
    graph.ends = forms.iter().map(|form| (*form, degree(*form))).collect();
    graph.events[0].attributes = Some(forms.into_iter().collect());
    graph
}

#[test]
fn an_attribute_has_the_score_of_the_paths_that_end_at_it() {
    for (events, score, paths) in [
        (&["", "A", "AB", "B"][..], 0.0, 0),
        // m: 1/2; the attribute itself does not count
        (&["", "mAB", "A", "A"], -0.5, 1),
        (&["", "mAB", "mA"], -1.5, 2),
        // 3 edges: m 1, B 1/2, e 1/2
        (&["", "AB", "mB"], -0.25, 1),
        // 5 edges: m 1, C 1/2, e 1/2, B 1/2, e 1/2
        (&["", "AB", "BC", "mC"], -1.0 / 16.0, 1),
        // 7 edges are too many
        (&["", "AB", "BC", "CD", "mD"], 0.0, 0),
    ] {
        let rank = of_attribute(graph(events), &[0]).rank(STEPS, None);
        assert!((rank.score - score).abs() < 1e-15, "{events:?}: {rank:?}");
        assert_eq!((rank.paths, rank.error_bound), (paths, 0.0), "{events:?}");
    }
    // a gap at the attribute itself: as much as its events could be worth
    let mut hub = of_attribute(graph(&["", "mAB", "A", "A"]), &[0]);
    hub.attributes[0] = None;
    assert_eq!(Gaps::of(&hub).mass(), 3.0);
}

/// Graphs whose target is an event or an attribute in one or two forms.
fn any_target() -> impl Strategy<Value = Graph> {
    let forms = prop::collection::vec(0..6_usize, 0..3);
    (any_graph(), forms).prop_map(|(graph, forms)| match forms[..] {
        [] => graph,
        _ if graph.attributes.is_empty() => graph,
        _ => of_attribute(graph, &forms),
    })
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
        // a graph that fails is printed, and becomes a test of its own
        failure_persistence: None,
        ..Config::with_cases(GRAPHS)
    }
}

#[test]
fn it_is_the_sum_over_all_simple_paths() {
    let mut runner = TestRunner::new(config());
    let worst = Cell::new(0.0_f64);
    let same = runner.run(&any_target(), |graph| {
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

/// Hides the attributes of some events, and the events of some attributes.
fn with_gaps(graph: &Graph, unread: &[bool], hubs: &[bool]) -> Graph {
    let mut partial = graph.clone();
    let others = partial.events.iter_mut().skip(1);
    for (event, _) in others.zip(unread).filter(|(_, hide)| **hide) {
        event.attributes = None;
    }
    let attributes = partial.attributes.iter_mut();
    for (attribute, _) in attributes.zip(hubs).filter(|(_, hide)| **hide) {
        *attribute = None;
    }
    partial
}

/// Computes the rank from the known part and this many walks, which may look up everything in the whole graph.
fn walked(whole: &Graph, partial: &Graph, steps: u64, walks: usize, rng: &mut StdRng) -> Rank {
    let gaps = Gaps::of(partial);
    let mut rank = partial.rank(steps, None);
    let mut walked = Walked::default();
    if gaps.mass() > 0.0 {
        for _ in 0..walks {
            let mut walk = gaps.enter(partial, rng);
            while walk.wants_event_of().is_some() || walk.wants_attributes_of().is_some() {
                if let Some((attribute, _)) = walk.wants_event_of() {
                    let events = whole.attributes[attribute].as_ref().unwrap();
                    walk.go_to_event(events[rng.random_range(0..events.len())], whole);
                } else {
                    walk.go_to_attribute(whole, rng);
                }
            }
            walked.add(vec![walk]);
        }
        rank.add(&gaps, &walked);
    }
    rank
}

#[test]
fn the_true_score_is_within_the_bound() {
    let partial = (
        any_target(),
        prop::collection::vec(prop::bool::weighted(0.3), 7),
        prop::collection::vec(prop::bool::weighted(0.3), 6),
        prop_oneof![Just(u64::MAX), 0..200_u64],
        0..100_usize,
        any::<u64>(),
    );
    let mut runner = TestRunner::new_with_rng(config(), TestRng::deterministic_rng(ChaCha));
    let (inexact, missed) = (Cell::new(0), Cell::new(0));
    let within = runner.run(&partial, |(graph, unread, hubs, steps, walks, seed)| {
        let (expected, expected_paths) = enumerate(&graph);
        let partial = with_gaps(&graph, &unread, &hubs);
        let mut rng = StdRng::seed_from_u64(seed);
        let rank = walked(&graph, &partial, steps, walks, &mut rng);
        // certain properties
        prop_assert!(rank.paths <= expected_paths, "{expected}: {rank:?}");
        if rank.error_bound == 0.0 {
            prop_assert_eq!(rank.paths, expected_paths);
            prop_assert!((rank.score - expected).abs() <= 1e-9);
        }
        let known = partial.rank(steps, None);
        let most = known.error_bound + Gaps::of(&partial).mass() + 1e-12;
        prop_assert!((-1e-12..=most).contains(&(known.score - expected)));
        // a property that holds except in one of a thousand cases
        if (rank.score - expected).abs() > rank.error_bound + 1e-12 {
            missed.set(missed.get() + 1);
        }
        inexact.set(inexact.get() + u32::from(rank.error_bound > 0.0));
        Ok(())
    });
    within.unwrap();
    let (inexact, missed) = (inexact.get(), missed.get());
    println!("{GRAPHS} graphs, {inexact} not exact, {missed} of these not within the bound");
    assert!(inexact > GRAPHS / 2 && missed <= inexact / 1000);
}

/// The bound of many walks is narrow, so a wrong expected value would show.
#[test]
fn many_walks_come_near_the_true_score() {
    const WALKS: usize = 20_000;
    let strategy = (
        any_target(),
        prop::collection::vec(prop::bool::weighted(0.3), 7),
        prop::collection::vec(prop::bool::weighted(0.3), 6),
    );
    let config = Config {
        cases: 200,
        ..config()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(ChaCha));
    let (widest, missed) = (Cell::new(0.0_f64), Cell::new(0));
    let mut rng = StdRng::seed_from_u64(5);
    let rng = RefCell::new(&mut rng);
    let near = runner.run(&strategy, |(graph, unread, hubs)| {
        let (expected, _) = enumerate(&graph);
        let partial = with_gaps(&graph, &unread, &hubs);
        let rank = walked(&graph, &partial, u64::MAX, WALKS, &mut rng.borrow_mut());
        let missing = (rank.score - expected).abs() > rank.error_bound + 1e-12;
        missed.set(missed.get() + u32::from(missing));
        let mass = Gaps::of(&partial).mass().max(f64::MIN_POSITIVE);
        widest.set(widest.get().max(rank.error_bound / mass));
        let parts: f64 = rank.contributions.iter().sum();
        prop_assert!((3.0 * rank.score - 1e-9..=rank.score + 1e-9).contains(&parts));
        Ok(())
    });
    near.unwrap();
    let (widest, missed) = (widest.get(), missed.get());
    println!(
        "{WALKS} walks: bound at most {widest:.4} of what is hidden, {missed} of 200 not within"
    );
    assert!(widest < 0.02 && missed <= 1);
}
