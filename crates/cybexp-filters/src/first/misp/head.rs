//! The description of a MISP event: its name, organisations and tags.

use tahoe_core::{Attribute, Node, Object, SubType, Value};

use super::tags;
use crate::{Yield, fields, vocab};

/// The longest text in bytes: MISP holds 64 KiB of `info`, and the other fields are shorter.
const TEXT_BYTES: usize = 64 << 10;

/// Makes the nodes that describe the event as a whole.
pub(super) fn of(event: &Value, made: &mut Yield) -> Vec<Node> {
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

/// Makes the object of an organisation: the one on whose server the event is (`Org`), or the one that made it (`Orgc`).
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
