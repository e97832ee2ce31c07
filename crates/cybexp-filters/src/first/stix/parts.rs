//! Attributes and objects that observables and patterns name: one name for one thing, whatever its source.

use tahoe_core::{Attribute, Hash, Node, Object, Scalar, SubType};

use crate::url::{host_attributes, ip_attribute};
use crate::{normal, vocab};

/// The longest value, in bytes.
const VALUE: usize = 64 << 10;
/// The most values of one observable.
const PARTS: usize = 100;

/// The values of one observable, by the object that they belong to.
#[derive(Debug, Default)]
pub(super) struct Parts {
    file: Vec<Attribute>,
    account: Vec<Attribute>,
    src: Vec<Attribute>,
    dst: Vec<Attribute>,
    alone: Vec<Attribute>,
    /// Values that say nothing bad of themselves: hosts of URLs, recipients, protocols.
    beside: Vec<Attribute>,
    count: usize,
}

/// The nodes of an observable.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) nodes: Vec<Node>,
    /// Attributes in unknown context, whatever is said of the nodes.
    pub(super) beside: Vec<Attribute>,
}

impl Parts {
    /// Adds the value of a property of an observable, both as a pattern names them: `file` and `hashes.MD5`. Returns false
    /// if there is no attribute for it.
    pub(super) fn add(&mut self, kind: &str, path: &str, value: &str) -> bool {
        if self.count >= PARTS {
            return false;
        }
        self.count += 1;
        self.placed(kind, path, value).is_some()
    }

    fn placed(&mut self, kind: &str, path: &str, value: &str) -> Option<()> {
        let of = |name: SubType| attribute(name, value);
        match (kind, path) {
            ("ipv4-addr" | "ipv6-addr", "value") => self.alone.push(address(value)?),
            ("domain-name", "value") => return self.named(vocab::HOSTNAME, value),
            ("domain-name", "resolves_to_refs.value") => return self.host_of(value),
            ("url", "value") | ("artifact", "url") => return self.named(vocab::URL, value),
            ("email-addr", "value") | ("email-message", "from_ref.value" | "sender_ref.value") => {
                self.alone.push(of(vocab::EMAIL_ADDR)?);
            }
            ("email-message", "to_refs.value" | "cc_refs.value" | "bcc_refs.value") => {
                self.beside.push(of(vocab::EMAIL_ADDR)?);
            }
            ("email-message", "subject") => self.alone.push(of(vocab::SUBJECT)?),
            ("email-message", "body_multipart.body_raw_ref.name")
            | ("file", "name")
            | ("process", "image_ref.name" | "binary_ref.name") => {
                self.file.push(of(vocab::FILENAME)?);
            }
            ("file", "extensions.windows-pebinary-ext.imphash") => {
                self.file.push(of(SubType::from_static("imphash"))?);
            }
            ("file" | "artifact" | "process", path) if path.contains("hashes.") => {
                let (_, name) = path.rsplit_once("hashes.")?;
                self.file.push(of(digest(name)?)?);
            }
            ("x509-certificate", path) => {
                let name = match digest(path.strip_prefix("hashes.")?)?.as_str() {
                    "md5" => "x509_fingerprint_md5",
                    "sha1" => "x509_fingerprint_sha1",
                    "sha256" => "x509_fingerprint_sha256",
                    _ => return None,
                };
                self.alone.push(of(SubType::from_static(name))?);
            }
            ("autonomous-system", "number") => self.alone.push(of(vocab::ASN)?),
            ("user-account", "account_login" | "user_id") => {
                let user = of(vocab::USERNAME)?;
                // many write the same name in both
                if !self.account.iter().any(|known| known.hash() == user.hash()) {
                    self.account.push(user);
                }
            }
            ("user-account", "credential") => self.account.push(of(vocab::PASSWORD)?),
            ("mutex", "name") => self.alone.push(of(SubType::from_static("mutex"))?),
            ("mac-addr", "value") => self.alone.push(of(SubType::from_static("mac_address"))?),
            ("windows-registry-key", "key") => {
                self.alone.push(of(SubType::from_static("regkey"))?);
            }
            ("process", "command_line") => self.alone.push(of(vocab::SHELL_COMMAND)?),
            ("network-traffic", "protocols") => self.beside.push(of(vocab::PROTOCOL)?),
            ("network-traffic", path) => return self.end_of(path, value),
            _ => return None,
        }
        Some(())
    }

    /// Adds an attribute as it is.
    pub(super) fn add_own(&mut self, attribute: Attribute) {
        self.alone.push(attribute);
    }

    /// Adds a URL or host, and the hosts that it names: these may be shared ones, which are not malicious.
    fn named(&mut self, name: SubType, value: &str) -> Option<()> {
        let seen = attribute(name, value)?;
        let hosts = host_attributes(value).into_iter();
        self.beside
            .extend(hosts.filter(|host| host.hash() != seen.hash()));
        self.alone.push(seen);
        Some(())
    }

    fn host_of(&mut self, value: &str) -> Option<()> {
        match ip_attribute(value) {
            Some(address) => self.alone.push(address),
            None => self.named(vocab::HOSTNAME, value)?,
        }
        Some(())
    }

    /// Adds an address, host or port of an end of a connection.
    fn end_of(&mut self, path: &str, value: &str) -> Option<()> {
        let (end, property) = match path.strip_prefix("src_") {
            Some(property) => (&mut self.src, property),
            None => (&mut self.dst, path.strip_prefix("dst_")?),
        };
        match property {
            "port" => end.push(attribute(vocab::PORT, value)?),
            "ref.value" => end.push(match address(value) {
                Some(address) => address,
                None => attribute(vocab::HOSTNAME, value)?,
            }),
            _ => return None,
        }
        Some(())
    }

    /// Returns the nodes of these values.
    pub(super) fn told(self) -> Told {
        let mut nodes: Vec<Node> = self.alone.into_iter().map(Node::from).collect();
        nodes.extend(together(vocab::FILE, self.file));
        nodes.extend(together(vocab::CREDENTIAL, self.account));
        // an end is one even if nothing but its address is known
        for (name, parts) in [(vocab::SRC, self.src), (vocab::DST, self.dst)] {
            let parts: Vec<Node> = parts.into_iter().map(Node::from).collect();
            if !parts.is_empty() {
                nodes.extend(Object::new(name, parts).map(Node::from));
            }
        }
        Told {
            nodes,
            beside: self.beside,
        }
    }
}

/// Returns the attribute of a value, as other filters spell it.
fn attribute(name: SubType, value: &str) -> Option<Attribute> {
    if value.trim().is_empty() || value.len() > VALUE {
        return None;
    }
    normal(&name, &Scalar::from(value)).ok()
}

/// Returns an address, or a network. A network of one address is that address.
fn address(value: &str) -> Option<Attribute> {
    let Some((first, prefix)) = value.split_once('/') else {
        return attribute(SubType::from_static("ip"), value);
    };
    let bits = if first.contains(':') { "128" } else { "32" };
    match prefix == bits {
        true => attribute(SubType::from_static("ip"), first),
        false => attribute(vocab::CIDR, value),
    }
}

fn digest(name: &str) -> Option<SubType> {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match name.to_ascii_uppercase().as_str() {
        "MD5" => vocab::MD5,
        "SHA1" => vocab::SHA1,
        "SHA224" => SubType::from_static("sha224"),
        "SHA256" => vocab::SHA256,
        "SHA384" => SubType::from_static("sha384"),
        "SHA512" => vocab::SHA512,
        "SSDEEP" => SubType::from_static("ssdeep"),
        "TLSH" => SubType::from_static("tlsh"),
        _ => return None,
    })
}

/// Makes one object of several parts. One part stands alone.
fn together(name: SubType, parts: Vec<Attribute>) -> Vec<Node> {
    let parts: Vec<Node> = parts.into_iter().map(Node::from).collect();
    match parts.len() {
        0 | 1 => parts,
        _ => match Object::new(name, parts.clone()) {
            Ok(object) => vec![object.into()],
            Err(_) => parts,
        },
    }
}

/// Returns the hashes of what is malicious where a node is: the node and its parts, but no port.
pub(super) fn judged(node: &Node) -> Vec<Hash> {
    match node {
        Node::Attribute(attribute) => vec![attribute.hash()],
        Node::Object(object) => {
            let parts = object.children().iter();
            let parts = parts.filter(|part| *part.sub_type() != vocab::PORT);
            std::iter::once(object.hash())
                .chain(parts.map(Node::hash))
                .collect()
        }
    }
}
