//! Families of sub_types: values, and the values that filters of the second stage derive from them.
//!
//! Tables count the events of each value. An event may have several values of a family, of which the same may be derived:
//! so that it counts once, tables also hold the groups of such values that events have together.

/// Values of some sub_types, and the sub_types of what is derived from them.
#[derive(Debug)]
pub(crate) struct Family {
    /// The name of the table of groups. It is no sub_type, for it holds a space.
    pub groups: &'static str,
    /// The sub_types of the values from which filters derive others.
    pub sources: &'static [Source],
    /// The sub_types of the derived values.
    pub derived: &'static [&'static str],
    /// The names of the filters.
    pub filters: &'static [&'static str],
}

/// A sub_type of values from which others are derived.
#[derive(Debug)]
pub(crate) struct Source {
    pub sub_type: &'static str,
    /// Whether filters of the first stage put beside it in the event what is derived from it. What is derived then counts
    /// only in events that name none themselves.
    pub is_told: bool,
}

const fn source(sub_type: &'static str, is_told: bool) -> Source {
    Source { sub_type, is_told }
}

/// All families.
pub(crate) const FAMILIES: &[Family] = &[
    Family {
        groups: "several addresses",
        sources: &[source("ipv4", false), source("ipv6", false)],
        derived: &["country_code2", "asn", "asn_name", "cidr"],
        filters: &["geoip", "netblock"],
    },
    Family {
        groups: "several hosts",
        sources: &[
            source("email_addr", false),
            source("hostname", true),
            source("url", true),
        ],
        derived: &["domain"],
        filters: &["parent_domain"],
    },
];

impl Family {
    /// Returns the family of values of which this sub_type is derived.
    pub(crate) fn of_derived(sub_type: &str) -> Option<&'static Self> {
        FAMILIES
            .iter()
            .find(|family| family.derived.contains(&sub_type))
    }

    /// Returns the place of a sub_type in the family: sources first, then what is derived.
    pub(crate) fn place(&self, sub_type: &str) -> Option<u8> {
        let sources = self.sources.iter().map(|source| source.sub_type);
        let mut all = sources.chain(self.derived.iter().copied());
        let place = all.position(|name| name == sub_type)?;
        u8::try_from(place).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_type_has_one_place() {
        for family in FAMILIES {
            assert!(family.groups.contains(' '));
            let sources = family.sources.iter().map(|source| source.sub_type);
            let places = sources.chain(family.derived.iter().copied());
            for (n, name) in places.enumerate() {
                assert_eq!(family.place(name), Some(n as u8));
                let others = FAMILIES.iter().filter(|other| other.place(name).is_some());
                assert_eq!(others.count(), 1, "{name}");
            }
        }
    }
}
