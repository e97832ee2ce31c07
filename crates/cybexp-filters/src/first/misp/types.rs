//! The table of MISP's attribute types: the sub_type of each, and how its values are read.
//!
//! Complete for MISP's own list, `describeTypes.json` of PyMISP 2.5.34; a test compares them.

use tahoe_core::SubType;

use MispKind::{Generic, Keep, Named, Pair, Within};
use ValueReading::{Asn, Cve, Domain, Email, Host, Ip, Lower, Port, Text, Url};

use super::alias;
use crate::vocab;

/// The result of an attribute of a type.
#[derive(Debug)]
pub(super) enum MispKind {
    /// An attribute of this sub_type, which other filters use for the same thing.
    Named(SubType, ValueReading),
    /// An object of the first sub_type with an attribute of the second one.
    Within(SubType, SubType, ValueReading),
    /// An object of two values of these types, separated by `|`.
    Pair(SubType, &'static str, &'static str),
    /// An attribute named as the type, for which no other filter has a sub_type.
    Keep(ValueReading),
    /// A value of any kind. In an object, its relation gives the sub_type; elsewhere, the type's name does.
    Generic,
}

/// The way in which a value is read: one spelling for one thing, whatever its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueReading {
    /// Text, kept unchanged.
    Text,
    /// Hexadecimal digits and similar text, in lower case.
    Lower,
    /// An address, or a network as `cidr`, perhaps with a port.
    Ip,
    /// A name or address, with the registered domain beside it.
    Host,
    /// A domain, read as a host; it is one, too.
    Domain,
    /// A URL, with its host beside it.
    Url,
    /// A mail address in lower case, with the name before it.
    Email,
    /// A port: an int from 0 to 65535.
    Port,
    /// The number of an autonomous system.
    Asn,
    /// A CVE identifier.
    Cve,
}

/// An address without a direction. MISP has no such type, but feeds use it under many names.
static ADDRESS: MispKind = Named(vocab::IPV4, Ip);

/// Returns the kind of a type; `None` if MISP did not have the type when the table was made.
pub(super) fn of(name: &str) -> Option<&'static MispKind> {
    in_table(name).or_else(|| match alias::of(name).as_str() {
        "ip" => Some(&ADDRESS),
        known => in_table(known),
    })
}

fn in_table(name: &str) -> Option<&'static MispKind> {
    let at = TYPES.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(&TYPES[at].1)
}

/// MISP's types that name attributes themselves, and whether their values are in lower case.
pub(super) fn naming() -> impl Iterator<Item = (&'static str, bool)> {
    TYPES.iter().filter_map(|(name, kind)| match kind {
        Keep(how) => Some((*name, *how == Lower)),
        Generic => Some((*name, false)),
        Named(..) | Within(..) | Pair(..) => None,
    })
}

/// The types of MISP, sorted by name.
static TYPES: &[(&str, MispKind)] = &[
    ("AS", Named(vocab::ASN, Asn)),
    ("aba-rtn", Keep(Text)),
    ("anonymised", Generic),
    ("attachment", Generic),
    ("authentihash", Keep(Lower)),
    ("azure-application-id", Keep(Text)),
    ("bank-account-nr", Keep(Text)),
    ("bic", Keep(Text)),
    ("bin", Keep(Text)),
    ("boolean", Generic),
    ("bro", Keep(Text)),
    ("btc", Keep(Text)),
    ("campaign-id", Keep(Text)),
    ("campaign-name", Keep(Text)),
    ("cc-number", Keep(Text)),
    ("cdhash", Keep(Lower)),
    ("chrome-extension-id", Keep(Text)),
    ("comment", Generic),
    ("community-id", Keep(Text)),
    ("cookie", Keep(Text)),
    ("cortex", Generic),
    ("counter", Generic),
    ("country-of-residence", Keep(Text)),
    ("cpe", Keep(Text)),
    ("dash", Keep(Text)),
    ("date-of-birth", Keep(Text)),
    ("datetime", Generic),
    ("dkim", Keep(Text)),
    ("dkim-signature", Keep(Text)),
    ("dns-soa-email", Named(vocab::EMAIL_ADDR, Email)),
    ("dom-hash", Keep(Lower)),
    ("domain", Named(vocab::DOMAIN, Domain)),
    ("domain|ip", Pair(vocab::DOMAIN_IP, "domain", "ip-dst")),
    ("edge-extension-id", Keep(Text)),
    ("email", Named(vocab::EMAIL_ADDR, Email)),
    (
        "email-attachment",
        Within(vocab::ATTACHMENT, vocab::FILENAME, Text),
    ),
    ("email-body", Named(vocab::BODY, Text)),
    ("email-dst", Within(vocab::DST, vocab::EMAIL_ADDR, Email)),
    (
        "email-dst-display-name",
        Within(vocab::DST, vocab::NAME, Text),
    ),
    ("email-header", Keep(Text)),
    ("email-message-id", Keep(Text)),
    ("email-mime-boundary", Keep(Text)),
    (
        "email-reply-to",
        Within(vocab::REPLY_TO, vocab::EMAIL_ADDR, Email),
    ),
    ("email-src", Within(vocab::SRC, vocab::EMAIL_ADDR, Email)),
    (
        "email-src-display-name",
        Within(vocab::SRC, vocab::NAME, Text),
    ),
    ("email-subject", Named(vocab::SUBJECT, Text)),
    ("email-thread-index", Keep(Text)),
    ("email-x-mailer", Keep(Text)),
    ("eppn", Keep(Text)),
    ("favicon-mmh3", Keep(Text)),
    ("filename", Named(vocab::FILENAME, Text)),
    ("filename-pattern", Keep(Text)),
    (
        "filename|authentihash",
        Pair(vocab::FILE, "filename", "authentihash"),
    ),
    (
        "filename|impfuzzy",
        Pair(vocab::FILE, "filename", "impfuzzy"),
    ),
    ("filename|imphash", Pair(vocab::FILE, "filename", "imphash")),
    ("filename|md5", Pair(vocab::FILE, "filename", "md5")),
    ("filename|pehash", Pair(vocab::FILE, "filename", "pehash")),
    ("filename|sha1", Pair(vocab::FILE, "filename", "sha1")),
    ("filename|sha224", Pair(vocab::FILE, "filename", "sha224")),
    ("filename|sha256", Pair(vocab::FILE, "filename", "sha256")),
    (
        "filename|sha3-224",
        Pair(vocab::FILE, "filename", "sha3-224"),
    ),
    (
        "filename|sha3-256",
        Pair(vocab::FILE, "filename", "sha3-256"),
    ),
    (
        "filename|sha3-384",
        Pair(vocab::FILE, "filename", "sha3-384"),
    ),
    (
        "filename|sha3-512",
        Pair(vocab::FILE, "filename", "sha3-512"),
    ),
    ("filename|sha384", Pair(vocab::FILE, "filename", "sha384")),
    ("filename|sha512", Pair(vocab::FILE, "filename", "sha512")),
    (
        "filename|sha512/224",
        Pair(vocab::FILE, "filename", "sha512/224"),
    ),
    (
        "filename|sha512/256",
        Pair(vocab::FILE, "filename", "sha512/256"),
    ),
    ("filename|ssdeep", Pair(vocab::FILE, "filename", "ssdeep")),
    ("filename|tlsh", Pair(vocab::FILE, "filename", "tlsh")),
    ("filename|vhash", Pair(vocab::FILE, "filename", "vhash")),
    ("first-name", Keep(Text)),
    ("float", Generic),
    ("frequent-flyer-number", Keep(Text)),
    ("full-name", Named(vocab::NAME, Text)),
    ("gender", Keep(Text)),
    ("gene", Keep(Text)),
    ("git-commit-id", Keep(Lower)),
    ("github-organisation", Keep(Text)),
    ("github-repository", Keep(Text)),
    ("github-username", Keep(Text)),
    ("hassh-md5", Named(vocab::HASSH, Lower)),
    ("hasshserver-md5", Named(vocab::HASSHSERVER, Lower)),
    ("hex", Generic),
    ("hostname", Named(vocab::HOSTNAME, Host)),
    (
        "hostname|port",
        Pair(vocab::HOSTNAME_PORT, "hostname", "port"),
    ),
    ("http-method", Keep(Text)),
    ("iban", Keep(Text)),
    ("identity-card-number", Keep(Text)),
    ("impfuzzy", Keep(Text)),
    ("imphash", Keep(Lower)),
    ("integer", Generic),
    ("ip-dst", Within(vocab::DST, vocab::IPV4, Ip)),
    ("ip-dst|port", Pair(vocab::DST, "ip-dst", "port")),
    ("ip-src", Within(vocab::SRC, vocab::IPV4, Ip)),
    ("ip-src|port", Pair(vocab::SRC, "ip-src", "port")),
    ("issue-date-of-the-visa", Keep(Text)),
    ("ja3-fingerprint-md5", Named(vocab::JA3, Lower)),
    ("jabber-id", Keep(Text)),
    ("jarm-fingerprint", Named(vocab::JARM, Lower)),
    ("kusto-query", Keep(Text)),
    ("last-name", Keep(Text)),
    ("link", Generic),
    ("mac-address", Keep(Lower)),
    ("mac-eui-64", Keep(Lower)),
    ("malware-sample", Pair(vocab::FILE, "filename", "md5")),
    ("malware-type", Keep(Text)),
    ("md5", Keep(Lower)),
    ("middle-name", Keep(Text)),
    ("mime-type", Named(vocab::MIME_TYPE, Lower)),
    ("mobile-application-id", Keep(Text)),
    ("mutex", Keep(Text)),
    ("named pipe", Keep(Text)),
    ("nationality", Keep(Text)),
    ("onion-address", Named(vocab::HOSTNAME, Host)),
    ("other", Generic),
    ("passenger-name-record-locator-number", Keep(Text)),
    ("passport-country", Keep(Text)),
    ("passport-expiration", Keep(Text)),
    ("passport-number", Keep(Text)),
    ("pattern-in-file", Keep(Text)),
    ("pattern-in-memory", Keep(Text)),
    ("pattern-in-traffic", Keep(Text)),
    ("payment-details", Keep(Text)),
    ("pdb", Keep(Text)),
    ("pehash", Keep(Lower)),
    ("pgp-private-key", Keep(Text)),
    ("pgp-public-key", Keep(Text)),
    ("phone-number", Keep(Text)),
    ("place-of-birth", Keep(Text)),
    ("place-port-of-clearance", Keep(Text)),
    ("place-port-of-onward-foreign-destination", Keep(Text)),
    ("place-port-of-original-embarkation", Keep(Text)),
    ("port", Named(vocab::PORT, Port)),
    ("primary-residence", Keep(Text)),
    ("process-state", Keep(Text)),
    ("prtn", Keep(Text)),
    ("redress-number", Keep(Text)),
    ("regkey", Keep(Text)),
    (
        "regkey|value",
        Pair(vocab::REGISTRY_KEY, "regkey", "regkey-value"),
    ),
    ("sha1", Keep(Lower)),
    ("sha224", Keep(Lower)),
    ("sha256", Named(vocab::SHA256, Lower)),
    ("sha3-224", Keep(Lower)),
    ("sha3-256", Keep(Lower)),
    ("sha3-384", Keep(Lower)),
    ("sha3-512", Keep(Lower)),
    ("sha384", Keep(Lower)),
    ("sha512", Keep(Lower)),
    ("sha512/224", Keep(Lower)),
    ("sha512/256", Keep(Lower)),
    ("sigma", Keep(Text)),
    ("size-in-bytes", Generic),
    ("snort", Keep(Text)),
    ("special-service-request", Keep(Text)),
    ("ssdeep", Keep(Text)),
    ("ssh-fingerprint", Named(vocab::SSH_FINGERPRINT, Text)),
    ("stix2-pattern", Keep(Text)),
    ("suricata", Keep(Text)),
    (
        "target-email",
        Within(vocab::TARGET, vocab::EMAIL_ADDR, Email),
    ),
    ("target-external", Keep(Text)),
    ("target-location", Keep(Text)),
    (
        "target-machine",
        Within(vocab::TARGET, vocab::HOSTNAME, Host),
    ),
    ("target-org", Within(vocab::TARGET, vocab::NAME, Text)),
    ("target-user", Within(vocab::TARGET, vocab::USERNAME, Text)),
    ("telfhash", Keep(Text)),
    ("text", Generic),
    ("threat-actor", Keep(Text)),
    ("tlsh", Keep(Text)),
    ("travel-details", Keep(Text)),
    ("twitter-id", Keep(Text)),
    ("uri", Keep(Text)),
    ("url", Named(vocab::URL, Url)),
    ("user-agent", Keep(Text)),
    ("uuid", Keep(Lower)),
    ("vhash", Keep(Text)),
    ("visa-number", Keep(Text)),
    ("vulnerability", Named(vocab::CVE_ID, Cve)),
    ("weakness", Keep(Text)),
    ("whois-creation-date", Keep(Text)),
    (
        "whois-registrant-email",
        Within(vocab::WHOIS_REGISTRANT, vocab::EMAIL_ADDR, Email),
    ),
    (
        "whois-registrant-name",
        Within(vocab::WHOIS_REGISTRANT, vocab::NAME, Text),
    ),
    ("whois-registrant-org", Keep(Text)),
    ("whois-registrant-phone", Keep(Text)),
    ("whois-registrar", Keep(Text)),
    ("windows-scheduled-task", Keep(Text)),
    ("windows-service-displayname", Keep(Text)),
    ("windows-service-name", Keep(Text)),
    ("x509-fingerprint-md5", Keep(Lower)),
    ("x509-fingerprint-sha1", Keep(Lower)),
    ("x509-fingerprint-sha256", Keep(Lower)),
    ("xmr", Keep(Text)),
    ("yara", Keep(Text)),
    ("zeek", Keep(Text)),
];

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = include_str!("../../../../../tests/fixtures/misp/types.txt");

    #[test]
    fn the_table_is_misps_own_list_and_sorted() {
        let known: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        assert!(known.is_sorted());
        assert_eq!(known, Vec::from_iter(LIST.lines()));
    }

    #[test]
    fn names_that_others_give_lead_to_the_table() {
        for (name, known) in [
            ("IP_DST", "ip-dst"),
            ("ip-dst:port", "ip-dst|port"),
            ("fqdn|port", "hostname|port"),
            ("domain:port", "hostname|port"),
            ("filename|SHA-256", "filename|sha256"),
            ("SHA-256", "sha256"),
            ("as", "AS"),
            ("Named Pipe", "named pipe"),
        ] {
            let kinds = [name, known].map(|name| format!("{:?}", of(name).expect("known")));
            assert_eq!(kinds[0], kinds[1]);
        }
        for name in ["ip", "ipv4", "IPv6", "ip|port", "IPv4:port", "ip-address"] {
            assert!(matches!(of(name), Some(Named(_, Ip))), "{name}");
        }
        assert!(of("no-such-type").is_none());
    }

    #[test]
    fn pairs_are_of_single_values() {
        for (name, kind) in TYPES {
            let Pair(_, first, second) = kind else {
                continue;
            };
            assert!(!matches!(of(first), None | Some(Pair(..))), "{name}");
            assert!(!matches!(of(second), Some(Pair(..))), "{name}");
        }
    }
}
