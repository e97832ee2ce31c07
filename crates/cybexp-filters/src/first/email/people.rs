//! The sender and the recipients of a mail.

use std::collections::HashSet;

use tahoe_core::{Attribute, Node};

use super::address::{Mailbox, mailboxes};
use super::header::Headers;
use super::{object, sender};
use crate::{Yield, fields, vocab};

/// The most recipients kept; mail servers accept about as many.
const RECIPIENTS: usize = 1000;
/// The most addresses kept of From, Reply-To and each other field that names a sender.
const SENDERS: usize = 100;
/// The longest name that is kept, in bytes.
const NAME_BYTES: usize = 512;
/// The longest address in bytes: 64 before the @, 255 behind it (RFC 5321). A longer text is no address.
const ADDRESS_BYTES: usize = 320;

/// Returns the senders of a mail: an object `src` of sending IP, name and address where all are known, else those that
/// are. Objects for Reply-To, Return-Path and Sender follow; the last two leave out the addresses in From.
pub(super) fn senders(headers: &Headers<'_>, made: &mut Yield) -> Vec<Node> {
    let ip = sender::address(headers);
    let from = limited(headers, "From", made);
    let mut nodes = Vec::new();
    let mut known = HashSet::new();
    for Mailbox { name, address } in from {
        known.extend(address.as_deref().map(str::to_lowercase));
        let all = [ip.clone(), name_attribute(name), address_attribute(address)];
        match &all {
            [Some(_), Some(_), Some(_)] => nodes.extend(object(vocab::SRC, all).map(Node::from)),
            _ => nodes.extend(all.into_iter().flatten().map(Node::from)),
        }
    }
    if nodes.is_empty() {
        nodes.extend(ip.map(Node::from));
    }
    let reply_to = limited(headers, "Reply-To", made).into_iter();
    let reply_to = reply_to.map(|mailbox| address_attribute(mailbox.address));
    nodes.extend(object(vocab::REPLY_TO, reply_to).map(Node::from));
    for (name, sub_type) in [
        ("Return-Path", vocab::RETURN_PATH),
        ("Sender", vocab::SENDER),
    ] {
        let others = limited(headers, name, made).into_iter();
        let others = others.filter_map(|mailbox| mailbox.address);
        let others = others.filter(|address| !known.contains(&address.to_lowercase()));
        let others: Vec<_> = others
            .map(|address| address_attribute(Some(address)))
            .collect();
        nodes.extend(object(sub_type, others).map(Node::from));
    }
    nodes
}

fn limited(headers: &Headers<'_>, name: &str, made: &mut Yield) -> Vec<Mailbox> {
    let mut people = headers.all(name).flat_map(mailboxes);
    let found = people.by_ref().take(SENDERS).collect();
    if people.next().is_some() {
        made.leave_out("senders");
    }
    found
}

/// Makes an object `dst` for each recipient.
pub(super) fn recipients(headers: &Headers<'_>, made: &mut Yield) -> Vec<Node> {
    let mut people = ["To", "Cc"]
        .into_iter()
        .flat_map(|name| headers.all(name))
        .flat_map(mailboxes);
    let objects = people
        .by_ref()
        .take(RECIPIENTS)
        .filter_map(|Mailbox { name, address }| {
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
