//! One list in MISP's format.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;

use crate::kinds::Kinds;

/// The longest name of a list, in characters.
const NAME_CHARS: usize = 200;

/// The fields that are read.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    list: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    matching_attributes: Vec<Cow<'a, str>>,
}

pub(crate) struct List {
    pub(crate) name: String,
    pub(crate) kinds: Kinds,
    pub(crate) entries: Entries,
}

pub(crate) enum Entries {
    /// Networks: address, and number of bits.
    Networks(Vec<(IpAddr, u8)>),
    /// Hosts and domains, in lower case, without a dot at either end.
    Hosts(Vec<String>),
    /// Whole values, in lower case.
    Texts(Vec<String>),
    /// Entries of this type, which is not read.
    Unread(String),
}

impl List {
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let written: Written<'_> = serde_json::from_slice(text)
            .map_err(|error| format!("is no list in MISP's format: {error}"))?;
        let lower = |entry: &Cow<'_, str>| entry.trim().to_lowercase();
        let entries = match written.kind.as_deref().unwrap_or("string") {
            "cidr" => Entries::Networks(
                written
                    .list
                    .iter()
                    .map(|entry| {
                        network(entry.trim())
                            .ok_or_else(|| format!("{} is no network", shown(entry)))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "hostname" => Entries::Hosts(
                written
                    .list
                    .iter()
                    .map(|entry| lower(entry).trim_matches('.').to_owned())
                    .filter(|host| !host.is_empty())
                    .collect(),
            ),
            "string" => Entries::Texts(written.list.iter().map(lower).collect()),
            other => Entries::Unread(other.to_owned()),
        };
        Ok(Self {
            name: written.name.chars().take(NAME_CHARS).collect(),
            kinds: Kinds::of_types(written.matching_attributes.iter().map(|name| name.as_ref())),
            entries,
        })
    }
}

/// Reads a network, or an address that is one by itself.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().ok()?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= longest)?,
        None => longest,
    };
    Some((ip, bits))
}

fn shown(text: &str) -> String {
    text.chars()
        .take(60)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
