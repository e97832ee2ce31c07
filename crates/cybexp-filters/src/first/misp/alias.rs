//! Names that feeds and scripts give to MISP's types.

/// Returns MISP's name of a type, or the name itself in lower case if it is no known alias.
///
/// Case does not matter, nor the choice of `-`, `_` or space, nor `:` for the bar of a pair: `IP_DST` is `ip-dst`. An
/// address without direction, `ip`, is in the table, although MISP has no such type.
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
        // a value of type `ip` is read with its port
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
