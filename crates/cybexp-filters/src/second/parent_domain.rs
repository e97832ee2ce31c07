//! The registered domain above a host, so that mail, feeds and honeypots meet at it.

use tahoe_core::{Attribute, Event, Finite, Node};

use super::filter::{Input, SecondFilter, Source};
use super::networks::Networks;
use crate::{url, vocab};

/// Makes an event of each host, URL and mail address under a public suffix: it and its registered domain; of a mail
/// address also its host.
pub(crate) struct ParentDomain;

impl SecondFilter for ParentDomain {
    fn name(&self) -> &'static str {
        "parent_domain"
    }

    fn version(&self) -> u32 {
        1
    }

    fn source(&self) -> Source {
        Source::Attributes(&["email_addr", "hostname", "url"])
    }

    fn run(&self, input: &Input<'_>, _: &Networks) -> Vec<Event> {
        let Input::Attribute { attribute, orgid } = input else {
            return Vec::new();
        };
        let parents = parents(attribute);
        if parents.is_empty() {
            return Vec::new();
        }
        let children = std::iter::once((*attribute).clone()).chain(parents);
        let children = children.map(Node::from).collect();
        let zero = Finite::new(0.0).ok();
        let event = zero
            .and_then(|at| Event::new(vocab::PARENT_DOMAIN, (*orgid).clone(), at, children).ok());
        event.into_iter().collect()
    }
}

/// Returns the domain of a host, URL or mail address, with the host of a mail address; nothing if it has none.
fn parents(attribute: &Attribute) -> Vec<Attribute> {
    let Some(text) = attribute.data().as_str() else {
        return Vec::new();
    };
    match attribute.sub_type().as_str() {
        "hostname" => {
            let host = url::bare_host_attributes(text);
            host.and_then(|(_, domain)| domain).into_iter().collect()
        }
        "url" => {
            let mut found = url::host_attributes(text);
            found.retain(|found| *found.sub_type() == vocab::DOMAIN);
            found
        }
        "email_addr" => match text
            .rsplit_once('@')
            .and_then(|(_, host)| url::bare_host_attributes(host))
        {
            Some((host, domain)) if *host.sub_type() == vocab::HOSTNAME => {
                std::iter::once(host).chain(domain).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
