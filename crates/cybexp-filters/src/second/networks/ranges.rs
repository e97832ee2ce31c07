//! Ranges of addresses in CSV.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Found, Part, country};

/// Ranges, sorted by their first address. Half a million take about 12 MB.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
    labels: Vec<Label>,
}

#[derive(Debug, Clone, Copy)]
struct Range<T> {
    first: T,
    last: T,
    label: u32,
}

/// The fields that the ranges of one network's owner have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Label {
    country: Option<String>,
    asn: Option<u32>,
    name: Option<String>,
}

impl Ranges {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let mut ranges = Self::default();
        let mut known = HashMap::new();
        let mut row = csv::ByteRecord::new();
        let mut line = 0_u64;
        loop {
            line += 1;
            match rows.read_byte_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(format!("line {line}: {error}")),
            }
            let fields: Vec<_> = row.iter().map(String::from_utf8_lossy).collect();
            let (Some(first), Some(last)) = (fields.first(), fields.get(1)) else {
                return Err(format!("line {line}: a range has two bounds"));
            };
            let (Some(from), Some(to)) = (bound(first), bound(last)) else {
                if line == 1
                    && first.bytes().any(|b| b.is_ascii_alphabetic())
                    && !first.contains([':', '.'])
                {
                    continue; // the names of the columns
                }
                let wrong = if bound(first).is_none() { first } else { last };
                let shown: String = wrong.chars().take(60).collect();
                return Err(format!("line {line}: {shown} is no address"));
            };
            let rest: Vec<&str> = fields[2..].iter().map(|field| field.as_ref()).collect();
            let label = label(&rest);
            let next = u32::try_from(ranges.labels.len()).unwrap_or(u32::MAX);
            let label = *known.entry(label).or_insert_with_key(|label| {
                ranges.labels.push(label.clone());
                next
            });
            match (from, to) {
                (IpAddr::V4(from), IpAddr::V4(to)) if from <= to => ranges.v4.push(Range {
                    first: from.to_bits(),
                    last: to.to_bits(),
                    label,
                }),
                (IpAddr::V6(from), IpAddr::V6(to)) if from <= to => ranges.v6.push(Range {
                    first: from.to_bits(),
                    last: to.to_bits(),
                    label,
                }),
                _ => return Err(format!("line {line}: the range ends before it begins")),
            }
        }
        if ranges.v4.is_empty() && ranges.v6.is_empty() {
            return Err("has no ranges".to_owned());
        }
        ranges.v4.sort_unstable_by_key(|range| range.first);
        ranges.v6.sort_unstable_by_key(|range| range.first);
        ranges.v4.shrink_to_fit();
        ranges.v6.shrink_to_fit();
        Ok(ranges)
    }

    pub(super) fn find(&self, ip: IpAddr) -> Option<Part> {
        let (label, cidr, prefix) = match ip {
            IpAddr::V4(ip) => {
                let at = ip.to_bits();
                let range = containing(&self.v4, at)?;
                let (network, host_bits) = network(
                    u128::from(at),
                    u128::from(range.first),
                    u128::from(range.last),
                    32,
                );
                let network = Ipv4Addr::from_bits(u32::try_from(network).unwrap_or_default());
                let prefix = 32 - host_bits;
                (range.label, format!("{network}/{prefix}"), prefix)
            }
            IpAddr::V6(ip) => {
                let at = ip.to_bits();
                let range = containing(&self.v6, at)?;
                let (network, host_bits) = network(at, range.first, range.last, 128);
                let prefix = 128 - host_bits;
                (
                    range.label,
                    format!("{}/{prefix}", Ipv6Addr::from_bits(network)),
                    prefix,
                )
            }
        };
        let label = self.labels.get(label as usize)?;
        Some(Part {
            found: Found {
                country: label.country.clone(),
                asn: label.asn,
                asn_name: label.name.clone(),
                cidr: Some(cidr),
            },
            prefix: prefix.min(128) as u8,
        })
    }
}

/// Returns the range that holds an address: of overlapping ones, that which begins last.
fn containing<T: Copy + Ord>(ranges: &[Range<T>], at: T) -> Option<Range<T>> {
    let after = ranges.partition_point(|range| range.first <= at);
    let range = *ranges.get(after.checked_sub(1)?)?;
    (at <= range.last).then_some(range)
}

/// Returns the largest network around an address that lies within a range, and the number of its host bits.
fn network(at: u128, first: u128, last: u128, bits: u32) -> (u128, u32) {
    let mut best = (at, 0);
    for host_bits in 1..=bits {
        let mask = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
        let (from, to) = (at & !mask, at | mask);
        if from < first || to > last {
            break;
        }
        best = (from, host_bits);
    }
    best
}

/// Reads a bound: an address, or its number.
fn bound(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip);
    }
    let number: u128 = text.parse().ok()?;
    Some(match u32::try_from(number) {
        Ok(number) => Ipv4Addr::from_bits(number).into(),
        Err(_) => Ipv6Addr::from_bits(number).into(),
    })
}

/// Reads the columns behind the bounds: a country's code, or the number and name of an autonomous system.
fn label(fields: &[&str]) -> Label {
    let mut label = Label {
        country: None,
        asn: None,
        name: None,
    };
    for field in fields
        .iter()
        .map(|field| field.trim())
        .filter(|field| !field.is_empty())
    {
        let number = field.strip_prefix("AS").unwrap_or(field).parse();
        match (number, country(field)) {
            (Ok(number), _) if label.asn.is_none() => label.asn = Some(number),
            (_, Some(code)) if label.country.is_none() && label.asn.is_none() => {
                label.country = Some(code)
            }
            _ if label.asn.is_some() && label.name.is_none() => label.name = Some(field.to_owned()),
            _ => {}
        }
    }
    label
}
