//! Allow lists: values that are known to be good, such as public resolvers and often visited hosts.
//!
//! Lists are in the format of MISP's warninglists: JSON with `name`, `type`, `list` and `matching_attributes`. Of the
//! types, `cidr`, `hostname` and `string` are read. `substring` and `regex` are not: each would have to be tried on each
//! value. A list that applies to certain kinds of attributes is asked for those alone.

mod kinds;
mod list;
mod prefixes;
mod values;

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cybexp_filters::url;
use tahoe_core::Attribute;

use kinds::Kinds;
use list::{Entries, List};
use prefixes::Prefixes;
use values::{Role, Values};

/// The largest list, in bytes.
const FILE_BYTES: u64 = 1 << 28;

/// The deepest host name that is looked up with all its parents.
const LABELS: usize = 16;

/// All allow lists of an operator.
#[derive(Debug, Default)]
pub struct KnownGood {
    lists: Vec<Named>,
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
    values: Values,
    left_out: Vec<(String, String)>,
}

#[derive(Debug)]
struct Named {
    name: String,
    kinds: Kinds,
}

/// The reason why a file cannot be used as an allow list.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct ListError {
    /// The file.
    pub file: PathBuf,
    /// The reason why it is refused.
    pub reason: String,
}

impl KnownGood {
    /// Loads lists: files, and all `list.json` and other `.json` files in folders and in the folders in them, as MISP
    /// ships its lists.
    ///
    /// # Errors
    /// If a file or folder cannot be read, or a file is no list.
    pub fn load(paths: &[PathBuf]) -> Result<Self, ListError> {
        let mut files = Vec::new();
        for path in paths {
            collect(path, 0, &mut files)?;
        }
        let mut contents = Vec::with_capacity(files.len());
        for file in files {
            let text = read(&file).map_err(|reason| ListError {
                file: file.clone(),
                reason,
            })?;
            contents.push((file, text));
        }
        Self::of(contents)
    }

    /// Makes the lists of the contents of files.
    ///
    /// # Errors
    /// If a content is no list.
    pub fn of(files: Vec<(PathBuf, Vec<u8>)>) -> Result<Self, ListError> {
        let mut all = Self::default();
        let mut values = values::Builder::default();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (file, text) in files {
            let wrong = |reason: String| ListError {
                file: file.clone(),
                reason,
            };
            let List {
                name,
                kinds,
                entries,
            } = List::read(&text).map_err(wrong)?;
            let number = u16::try_from(all.lists.len())
                .map_err(|_| wrong("is one list too many".to_owned()))?;
            match entries {
                Entries::Networks(networks) => {
                    for (ip, bits) in networks {
                        match ip {
                            IpAddr::V4(ip) => v4.push((ip.to_bits(), bits, number)),
                            IpAddr::V6(ip) => v6.push((ip.to_bits(), bits, number)),
                        }
                    }
                }
                Entries::Hosts(hosts) => hosts
                    .iter()
                    .for_each(|host| values.add(Role::Host, host, number)),
                Entries::Texts(texts) => texts
                    .iter()
                    .for_each(|text| values.add(Role::Text, text, number)),
                Entries::Unread(kind) => {
                    all.left_out.push((name, kind));
                    continue;
                }
            }
            all.lists.push(Named { name, kinds });
        }
        all.v4 = Prefixes::of(v4);
        all.v6 = Prefixes::of(v6);
        all.values = values.finish();
        Ok(all)
    }

    /// Returns the number of lists.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there are no lists.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Returns the lists that are not read, each with its type.
    pub fn left_out(&self) -> &[(String, String)] {
        &self.left_out
    }

    /// Returns the approximate size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes() + self.values.bytes()
    }

    /// Returns the names of the lists that hold a value, sorted.
    ///
    /// An address is looked up in networks, a host with its parents, a URL and a mail address by their hosts, too.
    pub fn find(&self, attribute: &Attribute) -> Vec<&str> {
        let Some(text) = attribute.data().as_str().filter(|_| !self.is_empty()) else {
            return Vec::new();
        };
        let mut found: Vec<u16> = Vec::new();
        let kind = Kinds::of_sub_type(attribute.sub_type().as_str());
        self.values.find(Role::Text, text, &mut found);
        match attribute.sub_type().as_str() {
            "ipv4" | "ipv6" => self.address(text, &mut found),
            "hostname" | "domain" => self.host(text, &mut found),
            "url" => {
                for of_host in url::host_attributes(text) {
                    let host = of_host.data().as_str().unwrap_or_default();
                    match of_host.sub_type().as_str() {
                        "hostname" => self.host(host, &mut found),
                        "ipv4" | "ipv6" => self.address(host, &mut found),
                        _ => {}
                    }
                }
            }
            "email_addr" => {
                if let Some((_, host)) = text.rsplit_once('@') {
                    self.host(host, &mut found);
                }
            }
            _ => {}
        }
        let applies = |number: &u16| {
            self.lists
                .get(usize::from(*number))
                .filter(|list| list.kinds.has(kind))
        };
        let mut names: Vec<&str> = found
            .iter()
            .filter_map(applies)
            .map(|list| list.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn address(&self, text: &str, found: &mut Vec<u16>) {
        match text.trim().parse() {
            Ok(IpAddr::V4(ip)) => self.v4.find(ip.to_bits(), found),
            Ok(IpAddr::V6(ip)) => self.v6.find(ip.to_bits(), found),
            Err(_) => {}
        }
    }

    /// Looks a host up, and the domains that it is in.
    fn host(&self, host: &str, found: &mut Vec<u16>) {
        let mut rest = host.trim_end_matches('.');
        for _ in 0..LABELS {
            self.values.find(Role::Host, rest, found);
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return,
            }
        }
    }
}

/// Adds the files of a path, in the order of their names.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ListError> {
    let wrong = |error: std::io::Error| ListError {
        file: path.to_owned(),
        reason: error.to_string(),
    };
    if !std::fs::metadata(path).map_err(wrong)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    for entry in entries {
        let is_list = entry.extension().is_some_and(|ending| ending == "json");
        if is_list || (entry.is_dir() && depth < 2) {
            collect(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    let mut limited = opened.take(FILE_BYTES + 1);
    limited
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    match text.len() as u64 > FILE_BYTES {
        true => Err(format!("is larger than {FILE_BYTES} bytes")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests;
