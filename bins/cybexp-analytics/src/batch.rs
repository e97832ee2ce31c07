//! Runs a filter over a batch of raws, without input or output.
//!
//! Instances come in parts of a bounded size, each of which is written before the next but one is made. A raw that
//! makes hundreds of thousands of events is in several parts; its outcome is in the last of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cybexp_filters::{Filter, RawInput, Yield};
use cybexp_store::{GraphBatch, PendingRaw, RawId, RawOutcome, Rejected, Remade};
use tahoe_core::{Hash, OrgId, Timestamp, Tlp};

/// The size of the made instances at which a part ends. A part that is written takes as much again.
const PART_BYTES: usize = 6 << 20;
/// The size of what one raw has made at which a part ends: a raw that makes much is in memory beside its parts.
const RAW_PART_BYTES: usize = 2 << 20;

/// A part of what was made, which is written together.
#[derive(Debug, Default)]
pub struct Part {
    /// The instances.
    pub graph: GraphBatch,
    /// The outcomes of the raws that end in this part, and counts for the metrics.
    pub batch: BatchOutcome,
}

/// The outcome of each raw that ends in a part, and counts for the metrics.
#[derive(Debug, Default)]
pub struct BatchOutcome {
    /// One outcome for each raw. What it made are the hashes of its events, if an earlier version of the filter has read
    /// the raw; else they are not needed.
    pub outcomes: Vec<RawOutcome>,
    /// The number of records that make no event, by event ID.
    pub unknown: HashMap<&'static str, u64>,
    /// The number of parts of raws that were left out, by raw and reason.
    pub left_out: Vec<(RawId, BTreeMap<&'static str, u64>)>,
    /// Events of raws that the filter reads for the first time, in this part, and when the last of these raws was accepted,
    /// in Unix seconds.
    pub first: HashMap<Hash, f64>,
    /// Raws that an earlier version of the filter has read, by their place in `outcomes`.
    again: Vec<(RawId, f64, usize)>,
    /// Hashes of the instances in this part, by the place of their raw in `outcomes`; the last raw may have none yet.
    made: Vec<(usize, BTreeSet<Hash>)>,
}

/// The reason why something that a raw made could not be stored, for a raw whose outcome is in a later part.
#[derive(Debug, Default)]
pub struct Unfinished(Option<String>);

impl BatchOutcome {
    /// Quarantines the raws that made something which the archive cannot hold. `unfinished` is that of the parts before.
    pub fn reject(&mut self, rejected: &[Rejected], unfinished: &mut Unfinished) {
        if let Some(reason) = unfinished.0.take() {
            match self.outcomes.first_mut() {
                Some(outcome) => outcome.made = Err(reason),
                None => unfinished.0 = Some(reason),
            }
        }
        if rejected.is_empty() {
            return;
        }
        let reasons: HashMap<Hash, &str> = rejected
            .iter()
            .map(|one| (one.hash, one.reason.as_str()))
            .collect();
        for (place, made) in &self.made {
            let Some((hash, reason)) = made.iter().find_map(|h| Some((h, reasons.get(h)?))) else {
                continue;
            };
            let reason = format!("{hash} cannot be stored: {reason}");
            match self.outcomes.get_mut(*place) {
                Some(outcome) => outcome.made = Err(reason),
                None => unfinished.0 = Some(reason),
            }
        }
    }

    /// Returns the raws that an earlier version of the filter has read, with what they made now.
    pub fn remade(&self) -> Vec<Remade<'_>> {
        let again = self.again.iter().filter_map(|(raw, accepted, place)| {
            let made = self.outcomes.get(*place)?.made.as_ref().ok()?;
            Some(Remade {
                raw: *raw,
                accepted: *accepted,
                made,
            })
        });
        again.collect()
    }
}

/// Runs the filter over raws, and hands each part to `take`, until that breaks off. A raw that the filter refuses, or panics
/// on, is quarantined; the others are processed. Each raw is dropped before the next one is read.
pub fn run_filter(
    filter: &dyn Filter,
    raws: impl Iterator<Item = Result<PendingRaw, RawOutcome>>,
    take: &mut dyn FnMut(Part) -> ControlFlow<()>,
) {
    let mut run = Run {
        filter,
        part: Part::default(),
        take,
        flow: ControlFlow::Continue(()),
        before: 0,
    };
    for raw in raws {
        match raw {
            Ok(raw) => run.raw(&raw),
            Err(outcome) => run.part.batch.outcomes.push(outcome),
        }
        if run.flow.is_continue() && run.part.graph.bytes() >= PART_BYTES {
            run.hand_on();
        }
        if run.flow.is_break() {
            return;
        }
    }
    if !run.part.batch.outcomes.is_empty() {
        run.hand_on();
    }
}

/// A filter at work on a batch.
struct Run<'a> {
    filter: &'a dyn Filter,
    part: Part,
    take: &'a mut dyn FnMut(Part) -> ControlFlow<()>,
    flow: ControlFlow<()>,
    /// The size of the part when the raw in hand began, or 0 if the part began within the raw.
    before: usize,
}

impl Run<'_> {
    fn hand_on(&mut self) {
        self.before = 0;
        self.flow = (self.take)(std::mem::take(&mut self.part));
    }

    fn raw(&mut self, raw: &PendingRaw) {
        self.before = self.part.graph.bytes();
        let filter = self.filter;
        let earlier = format!("{}@", filter.name());
        let is_again = raw.filters.iter().any(|id| id.starts_with(&earlier));
        let mut events = Vec::new();
        let made = catch_unwind(AssertUnwindSafe(|| {
            run_one(filter, raw, &mut |made, orgid| {
                if is_again {
                    events.extend(made.events.iter().map(tahoe_core::Event::hash));
                }
                self.add(raw, made, orgid, !is_again);
                self.flow
            })
        }));
        let made =
            made.unwrap_or_else(|_| Err("the filter panicked: please report this".to_owned()));
        let batch = &mut self.part.batch;
        if is_again {
            batch
                .again
                .push((raw.id, raw.timestamp, batch.outcomes.len()));
        }
        batch
            .outcomes
            .push(RawOutcome::new(raw, made.map(|()| events)));
    }

    /// Adds what a filter made of a raw, or of a part of it. `is_first`: no version of the filter has read the raw before.
    fn add(&mut self, raw: &PendingRaw, made: Yield, orgid: &OrgId, is_first: bool) {
        let batch = &mut self.part.batch;
        let place = batch.outcomes.len();
        if let Some(event) = made.unknown {
            *batch.unknown.entry(event).or_default() += 1;
        }
        if !made.left_out.is_empty() {
            batch.left_out.push((raw.id, made.left_out));
        }
        if batch.made.last().is_none_or(|(last, _)| *last != place) {
            batch.made.push((place, BTreeSet::new()));
        }
        let tlp = raw.tlp.as_deref().map(Tlp::stored);
        for event in made.events {
            let event = event.with_tlp_at_least(tlp);
            let graph = &mut self.part.graph;
            graph.add_source(&raw.id, raw.timestamp, self.filter.name(), [event.hash()]);
            if is_first {
                let accepted = self.part.batch.first.entry(event.hash()).or_insert(0.0);
                *accepted = accepted.max(raw.timestamp);
            }
            let hashes = match self.filter.makes_verdicts() {
                true => graph.add_verdict(event),
                false => graph.add_event(event),
            };
            self.note(hashes);
            let bytes = self.part.graph.bytes();
            let ends = bytes >= PART_BYTES || bytes - self.before >= RAW_PART_BYTES;
            if ends && self.flow.is_continue() {
                self.hand_on();
                // the same raw goes on in the next part, as its first
                self.part.batch.made.push((0, BTreeSet::new()));
            }
        }
        for session in made.sessions {
            let hashes = self.part.graph.add_session(session, orgid);
            self.note(hashes);
        }
    }

    fn note(&mut self, hashes: BTreeSet<Hash>) {
        if let Some((_, made)) = self.part.batch.made.last_mut() {
            // not append, which walks through all instances each time
            made.extend(hashes);
        }
    }
}

fn run_one(
    filter: &dyn Filter,
    raw: &PendingRaw,
    add: &mut dyn FnMut(Yield, &OrgId) -> ControlFlow<()>,
) -> Result<(), String> {
    let orgid = OrgId::new(&raw.orgid).map_err(|error| error.to_string())?;
    let timestamp = Timestamp::new(raw.timestamp).map_err(|e| format!("timestamp: {e}"))?;
    let input = RawInput {
        data: &raw.data,
        orgid: &orgid,
        timezone: &raw.timezone,
        timestamp,
    };
    let made = filter.run_in_parts(&input, &mut |made| add(made, &orgid));
    made.map_err(|refusal| refusal.to_string())
}
