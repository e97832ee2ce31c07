//! The numbers of events of derived values, from the tables of the values from which they were derived. Without input or
//! output.
//!
//! A table counts the events of each value, so the sum over all values of which a country was derived counts an event twice
//! that has two of them. The groups of values that events have together tell how often that is.

use std::collections::HashMap;

use tahoe_core::Hash;

use crate::tables::entries::ValueId;
use crate::tables::families::Family;
use crate::tables::groups::{self, Member};
use crate::tables::merge::{Part, most};

/// The tables of one organisation's values of a family.
#[derive(Debug)]
pub(crate) struct FamilyParts {
    pub family: &'static Family,
    /// The place of the wanted sub_type in the family.
    pub wanted: u8,
    /// The parts of the values that events have themselves.
    pub own: Vec<Part>,
    /// The parts of the values from which others are derived, in the order of the family's sources.
    pub sources: Vec<Vec<Part>>,
    /// The parts of the groups.
    pub groups: Vec<Part>,
}

/// The values from which others may be derived.
#[derive(Debug, Default)]
pub(crate) struct SourceValues {
    /// The most frequent values of each sub_type, with the numbers of their events.
    pub values: Vec<(ValueId, u64)>,
    /// The sum of the numbers of all others.
    pub left_out: u64,
}

/// The values that were derived from others.
pub(crate) type Derived = HashMap<ValueId, Vec<Hash>>;

impl FamilyParts {
    /// Returns the values from which the wanted ones may be derived, the most frequent `limit` of each sub_type.
    pub(crate) fn source_values(&self, limit: usize) -> SourceValues {
        let mut told: HashMap<ValueId, u64> = HashMap::new();
        if self.family.sources.iter().any(|source| source.is_told) {
            self.each_group(|group, is_wanted, count| {
                for member in group {
                    if is_wanted(member) && self.is_told(member, group) {
                        *told.entry(member.id).or_default() += count;
                    }
                }
            });
        }
        let mut all = SourceValues::default();
        for parts in &self.sources {
            let most = most(parts, limit, &told);
            let looked: u64 = most.values.iter().map(|(_, count)| count).sum();
            all.left_out += most.sum.saturating_sub(looked);
            all.values.extend(most.values);
        }
        all
    }

    /// Returns the number of events of each wanted value, be it their own or derived from one of these.
    pub(crate) fn count(&self, sources: &SourceValues, derived: &Derived) -> HashMap<ValueId, u64> {
        let own = most(&self.own, usize::MAX, &HashMap::new());
        let mut counts: HashMap<ValueId, u64> = own.values.into_iter().collect();
        let derived_from = |id: &ValueId| derived.get(id).into_iter().flatten().map(beginning);
        for (id, count) in &sources.values {
            for value in derived_from(id) {
                *counts.entry(value).or_default() += count;
            }
        }
        let mut found: Vec<ValueId> = Vec::new();
        self.each_group(|group, is_wanted, count| {
            found.clear();
            for member in group.iter().filter(|member| is_wanted(member)) {
                if member.place == self.wanted {
                    found.push(member.id);
                } else if self.is_source(member) && !self.is_told(member, group) {
                    found.extend(derived_from(&member.id));
                }
            }
            found.sort_unstable();
            let again = found.windows(2).filter(|pair| pair[0] == pair[1]);
            for value in again.map(|pair| pair[0]) {
                if let Some(sum) = counts.get_mut(&value) {
                    *sum = sum.saturating_sub(count);
                }
            }
        });
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// Calls `with` with each group, whether the event counts by a member, and the number of events.
    fn each_group(&self, mut with: impl FnMut(&[Member], &dyn Fn(&Member) -> bool, u64)) {
        for part in &self.groups {
            let is_wanted =
                |member: &Member| part.wanted.get(member.kind as usize).copied() == Some(true);
            groups::each(&part.entries, |group, count| with(group, &is_wanted, count));
        }
    }

    fn is_source(&self, member: &Member) -> bool {
        usize::from(member.place) < self.family.sources.len()
    }

    /// Whether nothing derived from the member counts, since the event has values of the wanted sub_type itself.
    fn is_told(&self, member: &Member, group: &[Member]) -> bool {
        let source = self.family.sources.get(usize::from(member.place));
        source.is_some_and(|source| source.is_told)
            && group.iter().any(|member| member.place == self.wanted)
    }
}

/// Returns the part of a hash by which tables name a value.
pub(crate) fn beginning(hash: &Hash) -> ValueId {
    let mut id = ValueId::default();
    id.copy_from_slice(&hash.as_bytes()[..16]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{entries, families::FAMILIES, groups::entry};

    /// Kind 0 is wanted, kind 1 is not.
    fn part(text: Vec<u8>) -> Part {
        Part {
            entries: text.into(),
            wanted: [true, false].into(),
        }
    }

    fn table(counts: &[(u8, u64)]) -> Vec<Part> {
        let entries = counts
            .iter()
            .flat_map(|(id, n)| entries::entry(&[*id; 16], &[(0, *n), (1, 100)]));
        vec![part(entries.collect())]
    }

    /// Members of a group, as place, id and kind; and how often they come.
    type Group<'a> = (&'a [(u8, u8, u32)], u64);

    fn groups(all: &[Group<'_>]) -> Vec<Part> {
        let text = all.iter().flat_map(|(members, count)| {
            let members: Vec<Member> = members
                .iter()
                .map(|&(place, id, kind)| Member {
                    id: [id; 16],
                    place,
                    kind,
                })
                .collect();
            entry(&members, *count)
        });
        vec![part(text.collect())]
    }

    fn derived(all: &[(u8, &[u8])]) -> Derived {
        let hash = |id: &u8| Hash::from_bytes([*id; 32]);
        all.iter()
            .map(|(id, values)| ([*id; 16], values.iter().map(hash).collect()))
            .collect()
    }

    fn told(counts: &HashMap<ValueId, u64>) -> Vec<(u8, u64)> {
        let mut told: Vec<(u8, u64)> = counts.iter().map(|(id, n)| (id[0], *n)).collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn an_event_counts_once_for_each_value() {
        // addresses 1 and 2 are of country 90, 3 of country 91; 5 events have 1 and 2, 1 event has 3 and names 91
        let family = &FAMILIES[0];
        let parts = FamilyParts {
            family,
            wanted: family.place("country_code2").unwrap(),
            own: table(&[(91, 1)]),
            sources: vec![table(&[(1, 7), (2, 5), (3, 2), (4, 9)]), vec![]],
            groups: groups(&[
                (&[(0, 1, 0), (0, 2, 0)], 5),
                (&[(0, 1, 0), (0, 2, 1)], 100),
                (&[(2, 91, 0), (0, 3, 0)], 1),
            ]),
        };
        let sources = parts.source_values(10);
        assert_eq!((sources.values.len(), sources.left_out), (4, 0));
        let derived = derived(&[(1, &[90]), (2, &[90]), (3, &[91])]);
        let counts = parts.count(&sources, &derived);
        assert_eq!(told(&counts), [(90, 7), (91, 2)]);
        // the rarest are left out
        let few = parts.source_values(2);
        assert_eq!((few.values.len(), few.left_out), (2, 7));
    }

    #[test]
    fn a_domain_is_derived_where_the_event_names_none() {
        // URL 1 is of domain 90; its 4 events name it, but for one; 2 events have a mail address 2 of domain 90, and name 91
        let family = &FAMILIES[1];
        let [mail, url, domain] =
            ["email_addr", "url", "domain"].map(|name| family.place(name).unwrap());
        let parts = FamilyParts {
            family,
            wanted: domain,
            own: table(&[(90, 3), (91, 2)]),
            sources: vec![table(&[(2, 2)]), vec![], table(&[(1, 4)])],
            groups: groups(&[
                (&[(url, 1, 0), (domain, 90, 0)], 3),
                (&[(mail, 2, 0), (domain, 91, 0)], 2),
            ]),
        };
        let sources = parts.source_values(10);
        assert_eq!(sources.values, [([2; 16], 2), ([1; 16], 1)]);
        let counts = parts.count(&sources, &derived(&[(1, &[90]), (2, &[90])]));
        assert_eq!(told(&counts), [(90, 3 + 1 + 2), (91, 2)]);
    }
}
