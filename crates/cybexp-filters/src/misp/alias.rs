//! Names that feeds and scripts give to MISP's types.

/// MISP's name for a type, or the name itself in lower case where nothing like it is known.
///
/// Case, the choice of `-`, `_` or space, and `:` for the bar of a pair do not matter: `IP_DST` is `ip-dst`. An address of either direction, `ip`,
/// is a type of the table, though not one of MISP's.
pub(super) fn of(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '_' | ' ' => '-',
            ':' => '|',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let parts: Vec<&str> = plain.split('|').map(one).collect();
    match parts[..] {
        // a value of this type is read with its port
        ["ip", "port"] => "ip".to_owned(),
        ["domain", "port"] => "hostname|port".to_owned(),
        _ => parts.join("|"),
    }
}

fn one(plain: &str) -> &str {
    let known = ALIASES.iter().find(|(alias, _)| *alias == plain);
    known.map_or(plain, |(_, known)| *known)
}

const ALIASES: [(&str, &str); 41] = [
    ("as", "AS"),
    ("as-number", "AS"),
    ("asn", "AS"),
    ("autonomous-system", "AS"),
    ("cve", "vulnerability"),
    ("cve-id", "vulnerability"),
    ("domain-name", "domain"),
    ("dst-ip", "ip-dst"),
    ("e-mail", "email"),
    ("email-addr", "email"),
    ("email-address", "email"),
    ("email-from", "email-src"),
    ("email-recipient", "email-dst"),
    ("email-sender", "email-src"),
    ("email-to", "email-dst"),
    ("file-name", "filename"),
    ("filehash-md5", "md5"),
    ("filehash-sha1", "sha1"),
    ("filehash-sha256", "sha256"),
    ("fqdn", "hostname"),
    ("host", "hostname"),
    ("host-name", "hostname"),
    ("ip-addr", "ip"),
    ("ip-address", "ip"),
    ("ip-port", "ip"),
    ("ipv4", "ip"),
    ("ipv4-addr", "ip"),
    ("ipv4-address", "ip"),
    ("ipv6", "ip"),
    ("ipv6-addr", "ip"),
    ("ipv6-address", "ip"),
    ("mail", "email"),
    ("named-pipe", "named pipe"),
    ("registry-key", "regkey"),
    ("sha-1", "sha1"),
    ("sha-224", "sha224"),
    ("sha-256", "sha256"),
    ("sha-384", "sha384"),
    ("sha-512", "sha512"),
    ("src-ip", "ip-src"),
    ("useragent", "user-agent"),
];
