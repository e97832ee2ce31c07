//! Databases in MaxMind's format.

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

use super::{Found, Part, country};

#[derive(Debug)]
pub(super) struct Mmdb(Reader<Vec<u8>>);

/// The fields of a record that are read, as the databases of several makers name them.
#[derive(Deserialize)]
struct Record<'a> {
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Option<Country<'a>>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
    /// `AS64496`
    asn: Option<&'a str>,
    as_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Country<'a> {
    Record { iso_code: Option<&'a str> },
    Text(&'a str),
}

impl Mmdb {
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes);
        reader
            .map(Self)
            .map_err(|error| format!("is no database in MaxMind's format: {error}"))
    }

    pub(super) fn find(&self, ip: IpAddr) -> Option<Part> {
        let result = self.0.lookup(ip).ok()?;
        let record: Record<'_> = result.decode().ok()??;
        let network = result.network().ok()?;
        let code = record.country_code.or(match record.country {
            Some(Country::Record { iso_code }) => iso_code,
            Some(Country::Text(text)) => Some(text),
            None => None,
        });
        let number = record
            .asn
            .and_then(|text| text.trim_start_matches("AS").parse().ok());
        let name = record.autonomous_system_organization.or(record.as_name);
        Some(Part {
            found: Found {
                country: code.and_then(country),
                asn: record.autonomous_system_number.or(number),
                asn_name: name.map(str::to_owned).filter(|name| !name.is_empty()),
                cidr: Some(format!("{}/{}", network.network(), network.prefix())),
            },
            prefix: network.prefix(),
        })
    }
}
