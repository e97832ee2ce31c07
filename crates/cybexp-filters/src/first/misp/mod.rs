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

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tahoe_core::{Category, Event, Node, SubType, Timestamp, Tlp, Value};

use super::filter::whole;
use super::lines;
use crate::{Filter, RawInput, Refusal, Yield, vocab};
use piece::{Group, Piece};
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

/// The most references of the attributes and objects in one event: the store accepts 10,000, and the description has the
/// rest.
const EVENT_REFS: usize = 8_000;

/// The highest cost in bytes of all events of one raw: two events of 100,000 attributes, or eight raws' worth of text.
const RAW_COST: usize = 128 << 20;

/// The cost in bytes of an event without its parts: a search may return a single attribute from each of many events.
const REPORT_COST: usize = 2 << 10;

impl Filter for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn version(&self) -> u32 {
        4
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
        whole(|take| self.run_in_parts(raw, take))
    }

    fn run_in_parts(
        &self,
        raw: &RawInput<'_>,
        take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let data = lines::data(raw)?;
        let mut first = Making::default();
        let reports = shape::reports(&data, &mut first.made);
        let mut reason = shape::why_none(&data).to_owned();
        // what a report weighs, and whether anything of it is malicious, is known before the first part is made
        let mut timed = Vec::with_capacity(reports.len());
        let mut is_empty = true;
        for report in &reports {
            match report.time(raw) {
                Ok(at) => {
                    let mut about = Making {
                        room: first.room,
                        ..Making::default()
                    };
                    let (found, category) = about.weigh(report)?;
                    first.room = about.room;
                    is_empty &= !found;
                    timed.push((report, at, category));
                }
                Err(why) => {
                    first.made.leave_out("event_without_time");
                    reason = format!("timestamp {why}");
                }
            }
        }
        if is_empty {
            return Err(Refusal::new(reason));
        }
        let mut making = Making {
            made: first.made,
            ..Making::default()
        };
        for (report, at, category) in timed {
            if making.read(report, raw, (at, category), take)?.is_break() {
                return Ok(());
            }
        }
        // the end, whether or not there may be more
        let _ = take(making.made);
        Ok(())
    }
}

/// Events of a part, which are handed on together. Most are small, for a search may return an attribute of each of many.
const PART: usize = 100;
/// The cost in bytes at which a part is handed on.
const PART_COST: usize = 2 << 20;

/// The events made so far, and the cost that further ones may have.
struct Making {
    made: Yield,
    room: usize,
    /// The cost of the events that were made and not handed on.
    cost: usize,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            made: Yield::default(),
            room: RAW_COST,
            cost: 0,
        }
    }
}

/// Takes a piece of a report, and says whether to go on.
type Each<'a, T> = dyn FnMut(&mut T, Piece) -> Result<ControlFlow<()>, Refusal> + 'a;

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

    /// Returns whether anything is made of a report, and the category of its events.
    fn weigh(&mut self, report: &FoundEvent<'_>) -> Result<(bool, Category), Refusal> {
        self.spend(REPORT_COST)?;
        let (mut found, mut flagged) = (false, false);
        let _ = self.pieces(report, &mut |_, piece| {
            found = true;
            flagged |= !piece.malicious.is_empty();
            Ok(ControlFlow::Continue(()))
        })?;
        let head = head::of(report.about.unwrap_or(&Value::Null), &mut self.made);
        let category = match flagged {
            true => Category::Malicious,
            false => Category::Unknown,
        };
        Ok((found || !head.is_empty(), category))
    }

    /// Makes the events of one report, whose time and category these are.
    fn read(
        &mut self,
        report: &FoundEvent<'_>,
        raw: &RawInput<'_>,
        of: (Timestamp, Category),
        take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Refusal> {
        let head = head::of(report.about.unwrap_or(&Value::Null), &mut self.made);
        let own = head.iter().filter_map(|node| match node {
            Node::Attribute(attribute) => tags::label(attribute),
            Node::Object(_) => None,
        });
        let own = own.max();
        // what may be passed on less far is in events of its own, so that the rest may go further
        let mut groups: BTreeMap<Option<Tlp>, Group> = BTreeMap::new();
        let mut is_first = true;
        let flow = self.pieces(report, &mut |making, piece| {
            let group = groups.entry(Tlp::strictest(own, piece.tlp));
            let group = group.or_insert_with(|| Group::new(EVENT_COST, EVENT_REFS));
            let Some(full) = group.add(piece) else {
                return Ok(ControlFlow::Continue(()));
            };
            is_first = false;
            making.event((&head, own), full, raw, of)?;
            Ok(making.hand_on(take))
        })?;
        if flow.is_break() {
            return Ok(flow);
        }
        let mut rests: Vec<_> = groups.into_values().map(|mut group| group.take()).collect();
        rests.retain(|rest| !rest.is_empty());
        if rests.is_empty() && is_first && !head.is_empty() {
            rests.push(Vec::new());
        }
        for rest in rests {
            self.event((&head, own), rest, raw, of)?;
            if self.hand_on(take).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Makes an event of the head of a report and some of its pieces.
    fn event(
        &mut self,
        (head, own): (&[Node], Option<Tlp>),
        group: Vec<Piece>,
        raw: &RawInput<'_>,
        (at, category): (Timestamp, Category),
    ) -> Result<(), Refusal> {
        let part = Piece::all(group);
        self.cost += REPORT_COST + part.cost();
        let beside = part.beside.into_iter().map(Node::from);
        let children = head.iter().cloned().chain(part.nodes).chain(beside);
        let event = Event::new(vocab::MISP, raw.orgid.clone(), at, children.collect())
            .map_err(|error| Refusal::new(format!("Event: {error}")))?
            .with_category(category)
            .with_tlp_at_least(Tlp::strictest(own, part.tlp))
            .with_malicious(part.malicious)
            .map_err(|error| Refusal::new(format!("Event: {error}")))?;
        self.made.events.push(event);
        Ok(())
    }

    /// Hands the events on if they are enough for a part.
    fn hand_on(&mut self, take: &mut dyn FnMut(Yield) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.made.events.len() < PART && self.cost < PART_COST {
            return ControlFlow::Continue(());
        }
        self.cost = 0;
        take(std::mem::take(&mut self.made))
    }

    /// Makes the pieces of a report, one after the other.
    fn pieces(
        &mut self,
        report: &FoundEvent<'_>,
        each: &mut Each<'_, Self>,
    ) -> Result<ControlFlow<()>, Refusal> {
        for attribute in report.attributes.iter().copied() {
            if is_true(attribute.get("deleted")) {
                continue;
            }
            match Given::of(attribute).and_then(|given| given.piece()) {
                Ok(piece) => {
                    let piece = piece.beside(tags::of(attribute, &mut self.made));
                    self.spend(piece.cost())?;
                    if each(self, piece)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(why) => self.made.leave_out(why),
            }
        }
        for object in report.objects.iter().copied() {
            for piece in object::pieces(object, self)? {
                if each(self, piece)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
