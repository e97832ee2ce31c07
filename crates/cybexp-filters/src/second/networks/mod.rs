//! Databases of networks that an operator names: country, autonomous system and its name of an address.
//!
//! Two formats are read: MaxMind's (`.mmdb`), and CSV of ranges (`start,end,country` or `start,end,number,name`, the
//! bounds as addresses or as numbers).

mod mmdb;
mod ranges;

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tahoe_core::Attribute;

use mmdb::Mmdb;
use ranges::Ranges;

/// The largest database, in bytes: it is held in memory.
const FILE_BYTES: u64 = 1 << 30;

/// The number of hexadecimal digits of a version.
const VERSION_DIGITS: usize = 12;

/// The facts that databases tell about an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The country's code of two letters (ISO 3166-1).
    pub country: Option<String>,
    /// The number of the autonomous system that announces the network.
    pub asn: Option<u32>,
    /// The name of that system.
    pub asn_name: Option<String>,
    /// The smallest network that a database has the address in: `192.0.2.0/24`.
    pub cidr: Option<String>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.country.is_none() && self.asn.is_none() && self.asn_name.is_none()
    }
}

/// The facts that one database tells about an address, with the length of the network's prefix.
struct Part {
    found: Found,
    prefix: u8,
}

/// The databases of networks, loaded at the start of a process. Empty if none is named.
#[derive(Debug, Default)]
pub struct Networks {
    databases: Vec<Database>,
    version: Option<String>,
}

#[derive(Debug)]
enum Database {
    Mmdb(Mmdb),
    Ranges(Ranges),
}

/// The reason why a database of networks cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct NetworksError {
    /// The file.
    pub file: PathBuf,
    /// The reason why it is refused.
    pub reason: String,
}

impl Networks {
    /// Loads databases. Of two that tell the same, the first counts.
    ///
    /// # Errors
    /// If a file cannot be read, is larger than a gigabyte, or is no such database.
    pub fn load(files: &[PathBuf]) -> Result<Self, NetworksError> {
        let mut contents = Vec::new();
        for file in files {
            let bytes = read(file).map_err(|reason| NetworksError {
                file: file.clone(),
                reason,
            })?;
            contents.push((file.as_path(), bytes));
        }
        Self::of(contents)
    }

    /// Makes the databases of the contents of files.
    ///
    /// # Errors
    /// If a content is no such database.
    pub fn of(files: Vec<(&Path, Vec<u8>)>) -> Result<Self, NetworksError> {
        let mut sha = Sha256::new();
        let mut databases = Vec::new();
        for (file, bytes) in files {
            sha.update(Sha256::digest(&bytes));
            let is_csv = file
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
            let database = match is_csv {
                true => Ranges::read(&bytes).map(Database::Ranges),
                false => Mmdb::read(bytes).map(Database::Mmdb),
            };
            databases.push(database.map_err(|reason| NetworksError {
                file: file.to_owned(),
                reason,
            })?);
        }
        let version = (!databases.is_empty())
            .then(|| hex::encode(sha.finalize())[..VERSION_DIGITS].to_owned());
        Ok(Self { databases, version })
    }

    /// Returns the version of the data: 12 hexadecimal digits that follow from the files; `None` if there are none.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns what the databases know of an address.
    pub fn find(&self, ip: IpAddr) -> Option<Found> {
        let mut all = Found::default();
        let mut longest = 0;
        for database in &self.databases {
            let part = match database {
                Database::Mmdb(mmdb) => mmdb.find(ip),
                Database::Ranges(ranges) => ranges.find(ip),
            };
            let Some(Part { found, prefix }) = part else {
                continue;
            };
            all.country = all.country.or(found.country);
            // A number and a name belong together.
            if all.asn.is_none() && all.asn_name.is_none() {
                all.asn = found.asn;
                all.asn_name = found.asn_name;
            }
            if all.cidr.is_none() || prefix > longest {
                all.cidr = found.cidr;
                longest = prefix;
            }
        }
        (!all.is_empty()).then_some(all)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut limited = opened.take(FILE_BYTES + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    match bytes.len() as u64 > FILE_BYTES {
        true => Err(format!("is larger than {FILE_BYTES} bytes")),
        false => Ok(bytes),
    }
}

/// Returns the address that an attribute ipv4 or ipv6 holds.
pub(crate) fn address(attribute: &Attribute) -> Option<IpAddr> {
    match attribute.sub_type().as_str() {
        "ipv4" | "ipv6" => attribute.data().as_str()?.trim().parse().ok(),
        _ => None,
    }
}

/// Returns a country's code in capitals, if it is one.
fn country(code: &str) -> Option<String> {
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    let code = code.to_ascii_uppercase();
    (is_code && code != "ZZ").then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(networks: &Networks, ip: &str) -> String {
        let found = networks.find(ip.parse().expect("an address"));
        found.map_or("-".to_owned(), |found| {
            let asn = found.asn.map(|asn| asn.to_string());
            let parts = [found.country, asn, found.asn_name, found.cidr];
            parts
                .map(|part| part.unwrap_or_else(|| "-".to_owned()))
                .join(" ")
        })
    }

    #[test]
    fn ranges_are_found_with_their_network() {
        let text = "192.0.2.0,192.0.2.255,64496,\"Example, Inc.\"\n\
                    198.51.100.16,198.51.100.79,64497,Odd Range\n\
                    2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,64498,Six\n";
        let countries = "3221225984,3221226239,at\n3405803776,3405804031,NL\n";
        let networks = Networks::of(vec![
            (Path::new("asn.csv"), text.as_bytes().to_vec()),
            (Path::new("country-num.csv"), countries.as_bytes().to_vec()),
        ])
        .expect("databases");
        for (ip, expected) in [
            ("192.0.2.9", "AT 64496 Example, Inc. 192.0.2.0/24"),
            ("198.51.100.16", "- 64497 Odd Range 198.51.100.16/28"),
            ("198.51.100.40", "- 64497 Odd Range 198.51.100.32/27"),
            ("198.51.100.79", "- 64497 Odd Range 198.51.100.64/28"),
            ("198.51.100.80", "-"),
            ("203.0.113.9", "NL - - 203.0.113.0/24"),
            ("2001:db8:1::1", "- 64498 Six 2001:db8::/32"),
            ("2001:db9::", "-"),
        ] {
            assert_eq!(found(&networks, ip), expected, "{ip}");
        }
        assert_eq!(networks.version().map(str::len), Some(VERSION_DIGITS));
        assert_eq!(Networks::default().version(), None);
    }

    #[test]
    fn what_is_no_database_is_told() {
        for (file, text, reason) in [
            (
                "a.csv",
                "192.0.2.0,192.0.2.255,AT\nfoo,bar,AT\n",
                "line 2: foo is no address",
            ),
            (
                "a.csv",
                "192.0.2.9,192.0.2.1,AT\n",
                "line 1: the range ends before it begins",
            ),
            (
                "a.csv",
                "192.0.2.0,2001:db8::,AT\n",
                "line 1: the range ends before it begins",
            ),
            ("a.csv", "", "has no ranges"),
            (
                "a.mmdb",
                "no database",
                "is no database in MaxMind's format",
            ),
        ] {
            let told =
                Networks::of(vec![(Path::new(file), text.as_bytes().to_vec())]).expect_err(text);
            assert!(told.to_string().contains(reason), "{told}");
        }
    }
}
