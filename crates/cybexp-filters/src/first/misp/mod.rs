//! MISP, a platform on which organisations share reports of threats: <https://www.misp-project.org>.
//!
//! A MISP event is a report: its organisations, its subject, attributes and objects. [`types`] is the table of what its
//! attributes become, [`shape`] knows the forms in which reports arrive. Left out are deleted parts, proposals of
//! others (`ShadowAttribute`), computed relations (`RelatedEvent`), and the content of attachments.

mod address;
mod alias;
mod head;
mod list;
mod mailbox;
mod object;
mod piece;
mod read;
mod reading;
mod shape;
mod tags;
mod types;
mod value;
mod words;

use tahoe_core::{Category, Event, Node, SubType, Timestamp, Value};

use crate::{Filter, RawInput, Refusal, Yield, vocab};
use piece::{Piece, pack};
use shape::FoundEvent;
use value::{Given, is_true};

/// The sub_types that MISP's own types name, and whether their values are in lower case.
pub(crate) fn sub_types() -> impl Iterator<Item = (SubType, bool)> {
    types::naming().filter_map(|(name, lower)| Some((value::identifier(name).ok()?, lower)))
}

/// Makes one event of each MISP event, or several if it is too large for one document.
///
/// These events have the same timestamp and category, and each repeats id, uuid, info, organisations and tags of the whole, so
/// that a query for one of these finds all of them.
pub(crate) struct Misp;

/// The highest cost in bytes of the attributes and objects in one event's document. The description costs less than 1
/// MiB more, and the store accepts 15 MiB.
const EVENT_COST: usize = 12 << 20;

/// The highest cost in bytes of all events of one raw: two events of 100,000 attributes, or eight raws' worth of text.
const RAW_COST: usize = 128 << 20;

/// The cost in bytes of an event without its parts: a search may return a single attribute from each of many events.
const REPORT_COST: usize = 2 << 10;

impl Filter for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn version(&self) -> u32 {
        2
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["misp_event"]
    }

    fn dispensable(&self) -> &'static [&'static str] {
        // copies of galaxies, computed relations, and last the content of attachments
        &[
            "TargetingClusterRelation",
            "GalaxyClusterRelation",
            "GalaxyElement",
            "meta",
            "RelatedEvent",
            "RelatedAttribute",
            "data",
        ]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let mut making = Making {
            made: Yield::default(),
            room: RAW_COST,
        };
        let data = shape::data(raw)?;
        let mut reason = shape::why_none(&data).to_owned();
        for report in shape::reports(&data, &mut making.made) {
            match report.time(raw) {
                Ok(at) => making.read(&report, raw, at)?,
                Err(why) => {
                    making.made.leave_out("event_without_time");
                    reason = format!("timestamp {why}");
                }
            }
        }
        match making.made.events.is_empty() {
            true => Err(Refusal::new(reason)),
            false => Ok(making.made),
        }
    }
}

/// The events made so far, and the cost that further ones may have.
struct Making {
    made: Yield,
    room: usize,
}

impl Making {
    /// Takes the cost of a piece from what is left, before anything larger is made of the piece.
    fn spend(&mut self, cost: usize) -> Result<(), Refusal> {
        self.room = self.room.checked_sub(cost).ok_or_else(|| {
            Refusal::new(format!(
                "Attribute: what is made of it takes more than {} MiB: share it in parts",
                RAW_COST >> 20
            ))
        })?;
        Ok(())
    }

    /// Makes the events of one report.
    fn read(
        &mut self,
        report: &FoundEvent<'_>,
        raw: &RawInput<'_>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        self.spend(REPORT_COST)?;
        let pieces = self.pieces(report)?;
        let flagged = pieces.iter().any(|piece| !piece.malicious.is_empty());
        let category = match flagged {
            true => Category::Malicious,
            false => Category::Unknown,
        };
        let head = head::of(report.about.unwrap_or(&Value::Null), &mut self.made);
        let mut groups = pack(pieces, EVENT_COST);
        if groups.is_empty() && !head.is_empty() {
            groups.push(Vec::new());
        }
        for group in groups {
            let part = Piece::all(group);
            let beside = part.beside.into_iter().map(Node::from);
            let children = head.iter().cloned().chain(part.nodes).chain(beside);
            let event = Event::new(vocab::MISP, raw.orgid.clone(), at, children.collect())
                .map_err(|error| Refusal::new(format!("Event: {error}")))?
                .with_category(category)
                .with_malicious(part.malicious)
                .map_err(|error| Refusal::new(format!("Event: {error}")))?;
            self.made.events.push(event);
        }
        Ok(())
    }

    fn pieces(&mut self, report: &FoundEvent<'_>) -> Result<Vec<Piece>, Refusal> {
        let mut pieces = Vec::new();
        for attribute in report.attributes.iter().copied() {
            if is_true(attribute.get("deleted")) {
                continue;
            }
            match Given::of(attribute).and_then(|given| given.piece()) {
                Ok(piece) => {
                    let piece = piece.beside(tags::of(attribute, &mut self.made));
                    self.spend(piece.cost())?;
                    pieces.push(piece);
                }
                Err(why) => self.made.leave_out(why),
            }
        }
        for object in report.objects.iter().copied() {
            pieces.extend(object::pieces(object, self)?);
        }
        Ok(pieces)
    }
}
