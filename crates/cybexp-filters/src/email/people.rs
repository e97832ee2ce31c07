//! Whom a mail is from, and whom it is for.

use tahoe_core::{Attribute, Node};

use super::header::{Headers, addresses};
use super::object;
use crate::{Yield, fields, vocab};

/// The most recipients; mail servers take about as many.
const RECIPIENTS: usize = 1000;
/// The longest name that is kept.
const NAME_BYTES: usize = 512;
/// The longest address there can be: 64 bytes before the @, 255 behind it (RFC 5321). A longer text is none.
const ADDRESS_BYTES: usize = 320;

/// Object `src` of address, name and sending IP when all are there, else those that are.
pub(super) fn sender(from: &str, ip: Option<Attribute>) -> Vec<Node> {
    let (name, address) = addresses(from).into_iter().next().unwrap_or_default();
    let (name, address) = (name_attribute(name), address_attribute(address));
    let all = [ip, name, address];
    match &all {
        [Some(_), Some(_), Some(_)] => Vec::from_iter(object(vocab::SRC, all).map(Node::from)),
        _ => all.into_iter().flatten().map(Node::from).collect(),
    }
}

/// Object `reply_to` of the addresses that answers go to.
pub(super) fn reply_to(headers: &Headers<'_>) -> Option<Node> {
    let people = addresses(headers.first("Reply-To")?).into_iter();
    let wanted = people
        .take(RECIPIENTS)
        .map(|(_, address)| address_attribute(address));
    object(vocab::REPLY_TO, wanted).map(Node::from)
}

/// An object `dst` for each recipient.
pub(super) fn recipients<'a>(fields: impl Iterator<Item = &'a str>, made: &mut Yield) -> Vec<Node> {
    let mut people = fields.flat_map(addresses);
    let objects = people
        .by_ref()
        .take(RECIPIENTS)
        .filter_map(|(name, address)| {
            object(
                vocab::DST,
                [name_attribute(name), address_attribute(address)],
            )
        })
        .map(Node::from)
        .collect();
    if people.next().is_some() {
        made.leave_out("recipients");
    }
    objects
}

fn name_attribute(name: Option<String>) -> Option<Attribute> {
    let name = name?;
    let name = name[..name.floor_char_boundary(NAME_BYTES)].trim_end();
    Some(Attribute::new(vocab::NAME, name))
}

fn address_attribute(address: Option<String>) -> Option<Attribute> {
    let address = address.filter(|address| address.len() <= ADDRESS_BYTES)?;
    Some(fields::email_addr(&address))
}
