//! A MISP object: the name of its template, and attributes with their relation to it.

use std::collections::BTreeMap;

use tahoe_core::{SubType, Value};

use super::list::list;
use super::piece::{Piece, pack};
use super::types::{self, MispKind, ValueReading};
use super::value::{Given, identifier, is_true};
use super::{Making, tags};
use crate::{Refusal, Yield, fields, vocab};

/// The highest cost in bytes of one object; a larger one is split into several of the same name.
const OBJECT_COST: usize = 2 << 20;

/// The most references of one object, so that an event holds it.
const OBJECT_REFS: usize = super::EVENT_REFS - 1;

/// Sub_types that TAHOE identifies by some of their children; no feed may make objects of these.
const RESERVED: [&str; 4] = ["cybexp_org", "cybexp_superuser", "cybexp_user", "query"];

/// Makes the object, or several if it is too large for one.
pub(super) fn pieces(object: &Value, making: &mut Making) -> Result<Vec<Piece>, Refusal> {
    if is_true(object.get("deleted")) {
        return Ok(Vec::new());
    }
    let name = object.get("name").and_then(fields::text);
    let name = match name.ok_or("object_without_name").and_then(|n| template(&n)) {
        Ok(name) => name,
        Err(why) => {
            making.made.leave_out(why);
            return Ok(Vec::new());
        }
    };
    let mut children = Vec::new();
    let mut within: BTreeMap<SubType, Vec<Piece>> = BTreeMap::new();
    for attribute in list(object.get("Attribute")) {
        if is_true(attribute.get("deleted")) {
            continue;
        }
        let relation = attribute.get("object_relation").and_then(fields::text);
        match child(attribute, relation.as_deref().unwrap_or_default(), &name) {
            Ok((inner, child)) => {
                let child = child.beside(tags::of(attribute, &mut making.made));
                making.spend(child.cost_below(1 + u32::from(inner.is_some())))?;
                match inner {
                    Some(inner) => within.entry(inner).or_default().push(child),
                    None => children.push(child),
                }
            }
            Err(why) => making.made.leave_out(why),
        }
    }
    for (inner, parts) in within {
        children.extend(objects(&inner, parts, &mut making.made));
    }
    Ok(objects(&name, children, &mut making.made))
}

/// Makes as many objects of this name as the children need.
fn objects(name: &SubType, children: Vec<Piece>, made: &mut Yield) -> Vec<Piece> {
    let mut all = Vec::new();
    for group in pack(children, OBJECT_COST, OBJECT_REFS) {
        match Piece::object(name.clone(), group) {
            Some(piece) => all.push(piece),
            None => made.leave_out("too_large"),
        }
    }
    all
}

fn template(name: &str) -> Result<SubType, &'static str> {
    match RESERVED.contains(&name.replace('-', "_").as_str()) {
        true => identifier(&format!("misp_{name}")),
        false => identifier(name),
    }
}

/// Makes the piece of an attribute in an object, with the name of the inner object to which it belongs.
fn child(
    attribute: &Value,
    relation: &str,
    owner: &SubType,
) -> Result<(Option<SubType>, Piece), &'static str> {
    let given = Given::of(attribute)?;
    Ok(match types::of(&given.kind) {
        Some(MispKind::Generic) => {
            let name = identifier(relation).or_else(|_| identifier(&given.kind))?;
            (None, given.named(name))
        }
        Some(MispKind::Pair(object, first, second)) => {
            let inner = Some(object.clone()).filter(|object| object != owner);
            (inner, Piece::all(given.pair(first, second)?))
        }
        Some(MispKind::Within(object, name, how)) => {
            let inner = match side(relation) {
                Some(side) if is_of_party(name, *how) => Some(side),
                // the type alone does not give the direction: `ip-dst` is also used for addresses without one
                _ if [vocab::SRC, vocab::DST].contains(object) => None,
                _ => Some(object.clone()),
            };
            (inner, given.bare()?)
        }
        Some(MispKind::Named(name, how)) => (
            side(relation).filter(|_| is_of_party(name, *how)),
            given.bare()?,
        ),
        Some(MispKind::Keep(_)) | None => (None, given.bare()?),
    })
}

/// Whether an attribute identifies an end of a connection, or a correspondent.
fn is_of_party(name: &SubType, how: ValueReading) -> bool {
    matches!(
        how,
        ValueReading::Ip
            | ValueReading::Host
            | ValueReading::Domain
            | ValueReading::Port
            | ValueReading::Asn
    ) || [vocab::EMAIL_ADDR, vocab::NAME].contains(name)
}

/// Returns the end that a relation names: `src-port`, `ip_dst`, `from-display-name`.
fn side(relation: &str) -> Option<SubType> {
    let mut found = None;
    for word in relation.split(|c: char| !c.is_ascii_alphanumeric()) {
        match word {
            "src" | "source" | "from" => found = Some(vocab::SRC),
            "dst" | "destination" | "bcc" | "cc" => found = Some(vocab::DST),
            "to" if found.is_none() => found = Some(vocab::DST),
            "reply" => found = Some(vocab::REPLY_TO),
            _ => {}
        }
    }
    found
}
