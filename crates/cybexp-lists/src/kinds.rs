//! The kinds of attributes that a list applies to.

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    const ADDRESS: Self = Self(1);
    const HOST: Self = Self(2);
    const URL: Self = Self(4);
    const MAIL: Self = Self(8);
    const OTHER: Self = Self(16);
    const ALL: Self = Self(31);

    /// Returns the kind of a sub_type.
    pub(crate) fn of_sub_type(sub_type: &str) -> Self {
        match sub_type {
            "ipv4" | "ipv6" => Self::ADDRESS,
            "hostname" | "domain" => Self::HOST,
            "url" => Self::URL,
            "email_addr" => Self::MAIL,
            _ => Self::OTHER,
        }
    }

    /// Returns the kinds of MISP's types; all if there are none. What applies to hosts applies to the hosts of URLs.
    pub(crate) fn of_types<'a>(types: impl IntoIterator<Item = &'a str>) -> Self {
        let mut kinds = 0;
        for name in types.into_iter().flat_map(|name| name.split('|')) {
            kinds |= match name {
                "ip" | "ip-src" | "ip-dst" => Self::ADDRESS.0 | Self::URL.0,
                "hostname" | "domain" => Self::HOST.0 | Self::URL.0,
                "url" | "uri" | "link" => Self::URL.0,
                "port" => 0,
                name if name.starts_with("email") => Self::MAIL.0,
                _ => Self::OTHER.0,
            };
        }
        match kinds {
            0 => Self::ALL,
            kinds => Self(kinds),
        }
    }

    pub(crate) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}
