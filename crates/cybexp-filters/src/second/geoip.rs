//! The country and the network of an address.

use tahoe_core::{Attribute, Event, Finite, Node, Object};

use super::filter::{Input, SecondFilter, Source};
use super::networks::{Networks, address};
use crate::{fields, vocab};

/// Makes an event of each address that the databases know: an object `geoip` of the address, its country, the autonomous
/// system and its name, and the network that the databases have it in.
pub(crate) struct GeoIp;

impl SecondFilter for GeoIp {
    fn name(&self) -> &'static str {
        "geoip"
    }

    fn version(&self) -> u32 {
        1
    }

    fn source(&self) -> Source {
        Source::Attributes(&["ipv4", "ipv6"])
    }

    fn needs_networks(&self) -> bool {
        true
    }

    fn run(&self, input: &Input<'_>, networks: &Networks) -> Vec<Event> {
        let Input::Attribute { attribute, orgid } = input else {
            return Vec::new();
        };
        let Some(found) = address(attribute).and_then(|ip| networks.find(ip)) else {
            return Vec::new();
        };
        let country = found.country.map(|code| fields::country(&code));
        let asn = found
            .asn
            .map(|number| Attribute::new(vocab::ASN, number.to_string()));
        let name = found
            .asn_name
            .map(|name| Attribute::new(vocab::ASN_NAME, name));
        let cidr = found.cidr.map(|cidr| Attribute::new(vocab::CIDR, cidr));
        let about = [country, asn, name, cidr].into_iter().flatten();
        let children = std::iter::once((*attribute).clone()).chain(about);
        let children = children.map(Node::from).collect();
        let event = Finite::new(0.0).ok().and_then(|at| {
            let object = Object::new(vocab::GEOIP, children).ok()?;
            Event::new(vocab::GEOIP, (*orgid).clone(), at, vec![object.into()]).ok()
        });
        event.into_iter().collect()
    }
}
