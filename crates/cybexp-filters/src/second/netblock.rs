//! The networks around an address, so that neighbours meet and a network can be asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tahoe_core::{Attribute, Event, Finite};

use super::filter::{Input, SecondFilter, Source};
use super::networks::Networks;
use crate::vocab;

/// Makes an event of each address that is not reserved: the address, its /24 and /16, or /64 and /48.
pub(crate) struct Netblock;

impl SecondFilter for Netblock {
    fn name(&self) -> &'static str {
        "netblock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn source(&self) -> Source {
        Source::Attributes(&["ipv4", "ipv6"])
    }

    fn run(&self, input: &Input<'_>, _: &Networks) -> Vec<Event> {
        let Input::Attribute { attribute, orgid } = input else {
            return Vec::new();
        };
        let Some(ip) = super::networks::address(attribute).filter(|ip| !is_reserved(*ip)) else {
            return Vec::new();
        };
        let blocks = match ip {
            IpAddr::V4(_) => [24, 16],
            IpAddr::V6(_) => [64, 48],
        };
        let mut children = vec![(*attribute).clone().into()];
        for bits in blocks {
            children.push(Attribute::new(vocab::CIDR, block(ip, bits)).into());
        }
        let zero = Finite::new(0.0).ok();
        let event =
            zero.and_then(|at| Event::new(vocab::NETBLOCK, (*orgid).clone(), at, children).ok());
        event.into_iter().collect()
    }
}

/// Returns the network of this many bits that an address is in.
fn block(ip: IpAddr, bits: u32) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let network = ip.to_bits() & (u32::MAX << (32 - bits));
            format!("{}/{bits}", Ipv4Addr::from_bits(network))
        }
        IpAddr::V6(ip) => {
            let network = ip.to_bits() & (u128::MAX << (128 - bits));
            format!("{}/{bits}", Ipv6Addr::from_bits(network))
        }
    }
}

/// Whether an address belongs to no network of the Internet (IANA's special-purpose registries). Addresses for
/// documentation count as ordinary ones.
fn is_reserved(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            let is_benchmark = first == 198 && (second == 18 || second == 19);
            first == 0
                || first >= 224
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || is_shared
                || is_benchmark
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}
