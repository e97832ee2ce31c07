//! Families of sub_types: each has a colour, the same on every page.

/// A family of sub_types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// Addresses and networks.
    Address,
    /// Hosts, domains and URLs.
    Host,
    /// Files and their hashes.
    File,
    /// People and accounts.
    Account,
    /// Behaviour: what was typed, and how a program speaks.
    Behaviour,
    /// Anything else.
    Other,
}

impl Family {
    /// All families, in the order in which pages show them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Address,
        Self::Host,
        Self::File,
        Self::Account,
        Self::Behaviour,
        Self::Other,
    ];

    /// Returns the family of a sub_type.
    pub(crate) fn of(sub_type: &str) -> Self {
        match sub_type {
            "ip" | "ipv4" | "ipv6" | "cidr" | "asn" | "asn_name" | "port" | "country_code2"
            | "mac_address" | "protocol" => Self::Address,
            "hostname" | "domain" | "url" | "uri" | "link" => Self::Host,
            "filename" | "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "ssdeep"
            | "imphash" | "mime_type" | "output_file_path" | "detection_ratio" | "tlsh" => {
                Self::File
            }
            "username" | "password" | "email_addr" | "name" | "subject" | "body" | "ssh_key"
            | "ssh_fingerprint" => Self::Account,
            "shell_command" | "behaviour" | "data" | "hassh" | "hasshserver" | "ja3" | "ja4"
            | "ja4h" | "jarm" | "ssh_version" | "ssh_client_env" | "user_agent" | "cve_id"
            | "kex_algo" | "encr_algo" | "mac_algo" | "comp_algo" | "pub_key_algo" | "arch" => {
                Self::Behaviour
            }
            _ => Self::Other,
        }
    }

    /// Returns the class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Address => "f-address",
            Self::Host => "f-host",
            Self::File => "f-file",
            Self::Account => "f-account",
            Self::Behaviour => "f-behaviour",
            Self::Other => "f-other",
        }
    }

    /// Returns the name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Host => "host or URL",
            Self::File => "file",
            Self::Account => "account",
            Self::Behaviour => "behaviour",
            Self::Other => "other",
        }
    }
}

/// Returns the class of a category in the style sheet.
pub(crate) fn category_class(category: &str) -> &'static str {
    match category {
        "malicious" => "c-malicious",
        "benign" => "c-benign",
        _ => "c-unknown",
    }
}
