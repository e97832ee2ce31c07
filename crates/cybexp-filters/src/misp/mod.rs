//! MISP, a platform on which organisations share what they know of threats: <https://www.misp-project.org>.
//!
//! An event of MISP's is a report: who made it, what it is about, attributes and objects. [`types`] is the table of
//! what its attributes become. What is deleted is left out, and so is what others propose (`ShadowAttribute`) or
//! MISP has worked out (`RelatedEvent`), and the content of attachments.

mod object;
mod piece;
mod tags;
mod types;
mod value;

use tahoe_core::{Attribute, Category, Event, Node, Object, SubType, Timestamp, Value};

use crate::{Filter, RawInput, Refusal, Yield, fields, time, vocab};
use piece::{Piece, pack};
use value::{Given, is_true};

/// Makes one event of each event, or several if it is too large for one document.
///
/// Those have the same timestamp, and each tells id, uuid, info, organisations and tags of the whole: a question
/// for one of these gives all of them. Their category is that of the whole, too.
pub(crate) struct Misp;

/// What the attributes and objects in one event's document may cost. What it tells of the whole costs less than 1 MiB
/// more, and the store takes 15.
const EVENT_COST: usize = 12 << 20;

/// What all that is made of one raw may cost: two events of 100,000 attributes, or eight raws' worth of text.
const RAW_COST: usize = 128 << 20;

/// Of `info`, names and the like. MISP holds 64 KiB of `info`.
const TEXT_BYTES: usize = 64 << 10;

impl Filter for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["misp_event"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let mut made = Yield::default();
        let mut room = RAW_COST;
        let mut reason =
            "Event is missing, and so is uuid or info of one that stands alone".to_owned();
        for entry in list(Some(raw.data.get("response").unwrap_or(raw.data))) {
            let Some(event) = event_in(entry) else {
                made.leave_out("not_an_event");
                continue;
            };
            match time_of(event, raw) {
                Ok(at) => read(event, raw, at, &mut room, &mut made)?,
                Err(why) => {
                    made.leave_out("event_without_time");
                    reason = format!("timestamp {why}");
                }
            }
        }
        match made.events.is_empty() {
            true => Err(Refusal::new(reason)),
            false => Ok(made),
        }
    }
}

/// What stands in a list; or alone where there could be one, as old versions of MISP have it.
fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    items.iter()
}

/// The event in `{"Event": {…}}`, or the event itself.
fn event_in(entry: &Value) -> Option<&Value> {
    match entry.get("Event") {
        Some(event) => Some(event).filter(|event| event.is_object()),
        None => Some(entry).filter(|e| e.get("uuid").is_some() && e.get("info").is_some()),
    }
}

/// When it was last edited.
fn time_of(event: &Value, raw: &RawInput<'_>) -> Result<Timestamp, String> {
    match event.get("timestamp") {
        None | Some(Value::Null) => Ok(raw.timestamp),
        Some(value) => time::parse(value, raw.timezone),
    }
}

fn read(
    event: &Value,
    raw: &RawInput<'_>,
    at: Timestamp,
    room: &mut usize,
    made: &mut Yield,
) -> Result<(), Refusal> {
    let mut pieces = Vec::new();
    for attribute in list(event.get("Attribute")) {
        if is_true(attribute.get("deleted")) {
            continue;
        }
        match Given::of(attribute).and_then(|given| given.piece()) {
            Ok(piece) => pieces.push(piece.beside(tags::of(attribute, made))),
            Err(why) => made.leave_out(why),
        }
    }
    for object in list(event.get("Object")) {
        pieces.extend(object::pieces(object, made));
    }
    let cost = pieces.iter().map(|piece| piece.cost).sum();
    *room = room.checked_sub(cost).ok_or_else(|| {
        let mib = RAW_COST >> 20;
        Refusal::new(format!(
            "Attribute: what is made of it takes more than {mib} MiB: share it in parts"
        ))
    })?;
    let flagged = pieces.iter().any(|piece| !piece.malicious.is_empty());
    let category = match flagged {
        true => Category::Malicious,
        false => Category::Unknown,
    };
    let mut groups = pack(pieces, EVENT_COST);
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    let head = head(event, made);
    for group in groups {
        let part = Piece::all(group);
        let beside = part.beside.into_iter().map(Node::from);
        let children: Vec<Node> = head
            .iter()
            .cloned()
            .chain(part.nodes)
            .chain(beside)
            .collect();
        if children.is_empty() {
            made.leave_out("empty_event");
            continue;
        }
        let refuse = |error: &dyn std::fmt::Display| Refusal::new(format!("Event: {error}"));
        let event = Event::new(vocab::MISP, raw.orgid.clone(), at, children)
            .map_err(|error| refuse(&error))?
            .with_category(category)
            .with_malicious(part.malicious)
            .map_err(|error| refuse(&error))?;
        made.events.push(event);
    }
    Ok(())
}

/// What is told of the event as a whole.
fn head(event: &Value, made: &mut Yield) -> Vec<Node> {
    let attribute = |sub_type, field| Some(Attribute::new(sub_type, text(event, field)?).into());
    let level = |sub_type, field, levels: &[&str]| {
        let number: usize = text(event, field)?.parse().ok()?;
        let level = levels.get(number).filter(|level| !level.is_empty())?;
        Some(Attribute::new(sub_type, *level).into())
    };
    let own: [Option<Node>; 8] = [
        attribute(vocab::ID, "id"),
        text(event, "uuid").map(|uuid| Attribute::new(vocab::UUID, uuid.to_lowercase()).into()),
        attribute(vocab::INFO, "info"),
        attribute(vocab::DATE, "date"),
        level(
            vocab::THREAT_LEVEL,
            "threat_level_id",
            &["", "high", "medium", "low", "undefined"],
        ),
        level(
            vocab::ANALYSIS,
            "analysis",
            &["initial", "ongoing", "complete"],
        ),
        organisation(vocab::ORG, event.get("Org")),
        organisation(vocab::ORGC, event.get("Orgc")),
    ];
    let tags = tags::of(event, made).into_iter().map(Node::from);
    own.into_iter().flatten().chain(tags).collect()
}

/// Whose server the event is on (`Org`), or who made it (`Orgc`).
fn organisation(sub_type: SubType, org: Option<&Value>) -> Option<Node> {
    let org = org?;
    let name = text(org, "name").map(|name| Attribute::new(vocab::NAME, name).into());
    let uuid =
        text(org, "uuid").map(|uuid| Attribute::new(vocab::UUID, uuid.to_lowercase()).into());
    let children = name.into_iter().chain(uuid).collect();
    Some(Object::new(sub_type, children).ok()?.into())
}

fn text(of: &Value, field: &str) -> Option<String> {
    fields::text(of.get(field)?).filter(|text| text.len() <= TEXT_BYTES)
}
