//! Whom a mail is from, and whom it is for.

use std::collections::HashSet;

use tahoe_core::{Attribute, Node};

use super::address::{Mailbox, mailboxes};
use super::header::Headers;
use super::{object, sender};
use crate::{Yield, fields, vocab};

/// The most recipients; mail servers take about as many.
const RECIPIENTS: usize = 1000;
/// The most addresses in From, Reply-To and each other field that tells of the sender.
const SENDERS: usize = 100;
/// The longest name that is kept.
const NAME_BYTES: usize = 512;
/// The longest address there can be: 64 bytes before the @, 255 behind it (RFC 5321). A longer text is none.
const ADDRESS_BYTES: usize = 320;

/// Who sent a mail: object `src` of sending IP, name and address where all are there, else those that are; and the
/// addresses that answers, reports of failure and the like go to, where they are others.
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

/// An object `dst` for each recipient.
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
