//! Runs a filter over a batch of raws, without input or output.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec;

use cybexp_filters::{Filter, RawInput, Yield};
use cybexp_store::{GraphBatch, PendingRaw, RawId, RawOutcome, Rejected, Remade};
use tahoe_core::{Hash, OrgId, Timestamp};

/// The size of the made instances at which a batch ends early: a raw of some megabytes may make a hundred times as much.
const BATCH_BYTES: usize = 64 << 20;

/// Raws that were taken, of which the filter has not seen all.
pub type TakenRaws = vec::IntoIter<Result<PendingRaw, RawOutcome>>;

/// The outcome of each raw of a batch, and counts for the metrics.
#[derive(Debug, Default)]
pub struct BatchOutcome {
    /// One outcome for each raw.
    pub outcomes: Vec<RawOutcome>,
    /// The number of records that make no event, by event ID.
    pub unknown: HashMap<&'static str, u64>,
    /// The number of parts of raws that were left out, by raw and reason.
    pub left_out: Vec<(RawId, BTreeMap<&'static str, u64>)>,
    /// Raws that an earlier version of the filter has read, by their place in `outcomes`.
    again: Vec<(RawId, f64, usize)>,
}

impl BatchOutcome {
    /// Quarantines the raws that made something which the archive cannot hold.
    pub fn reject(&mut self, rejected: &[Rejected]) {
        let reasons: HashMap<Hash, &str> = rejected
            .iter()
            .map(|r| (r.hash, r.reason.as_str()))
            .collect();
        if reasons.is_empty() {
            return;
        }
        for outcome in &mut self.outcomes {
            let made = outcome.made.as_ref().map_or(&[][..], Vec::as_slice);
            if let Some((hash, reason)) = made.iter().find_map(|h| Some((h, reasons.get(h)?))) {
                outcome.made = Err(format!("{hash} cannot be stored: {reason}"));
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

/// Runs the filter over raws until all are processed or the made instances reach `BATCH_BYTES`. A raw that the filter
/// refuses, or panics on, is quarantined; the others are processed.
pub fn run_filter(filter: &dyn Filter, raws: &mut TakenRaws) -> (GraphBatch, BatchOutcome) {
    let mut graph = GraphBatch::default();
    let mut batch = BatchOutcome::default();
    let earlier = format!("{}@", filter.name());
    while graph.bytes() < BATCH_BYTES
        && let Some(raw) = raws.next()
    {
        let raw = match raw {
            Ok(raw) => raw,
            Err(outcome) => {
                batch.outcomes.push(outcome);
                continue;
            }
        };
        let made = catch_unwind(AssertUnwindSafe(|| run_one(filter, &raw)))
            .unwrap_or_else(|_| Err("the filter panicked: please report this".to_owned()));
        let made = made.map(|(made, orgid)| {
            if let Some(event) = made.unknown {
                *batch.unknown.entry(event).or_default() += 1;
            }
            if !made.left_out.is_empty() {
                batch.left_out.push((raw.id, made.left_out));
            }
            let mut hashes = BTreeSet::new();
            for event in made.events {
                graph.add_source(&raw.id, raw.timestamp, filter.name(), [event.hash()]);
                // not append, which walks through all instances each time
                hashes.extend(match filter.makes_verdicts() {
                    true => graph.add_verdict(event),
                    false => graph.add_event(event),
                });
            }
            for session in made.sessions {
                hashes.extend(graph.add_session(session, &orgid));
            }
            hashes.into_iter().collect()
        });
        if raw.filters.iter().any(|id| id.starts_with(&earlier)) {
            batch
                .again
                .push((raw.id, raw.timestamp, batch.outcomes.len()));
        }
        batch.outcomes.push(RawOutcome::new(&raw, made));
    }
    (graph, batch)
}

fn run_one(filter: &dyn Filter, raw: &PendingRaw) -> Result<(Yield, OrgId), String> {
    let orgid = OrgId::new(&raw.orgid).map_err(|error| error.to_string())?;
    let timestamp = Timestamp::new(raw.timestamp).map_err(|e| format!("timestamp: {e}"))?;
    let input = RawInput {
        data: &raw.data,
        orgid: &orgid,
        timezone: &raw.timezone,
        timestamp,
    };
    let made = filter.run(&input).map_err(|refusal| refusal.to_string())?;
    Ok((made, orgid))
}
