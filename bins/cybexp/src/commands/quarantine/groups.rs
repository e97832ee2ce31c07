//! Groups of records that are in quarantine for the same reason.

use std::collections::HashMap;

use cybexp_store::Refused;

/// The most groups. Further records go to a group of all other reasons.
const GROUPS: usize = 10_000;
const OTHERS: &str = "other reasons";

/// Records of one typetag and organisation that were quarantined by one daemon or filter for the same reason. Numbers and
/// quoted values in the reason may differ.
#[derive(Debug)]
pub(super) struct ReasonGroup {
    /// The reason, with `#` and `…` in place of numbers and values that differ.
    pub(super) reason: String,
    pub(super) records: u64,
    /// The time in Unix seconds when the first of the records was taken in.
    pub(super) first: f64,
    /// The record that was taken in last.
    pub(super) newest: Refused,
}

/// The key of a group: typetag, daemon or filter that set the record aside, organisation, and reason without numbers and
/// values.
type GroupKey = (String, String, String, String);

/// Records by the reason for which they are in quarantine.
#[derive(Debug, Default)]
pub(super) struct ReasonGroups {
    groups: HashMap<GroupKey, ReasonGroup>,
    records: u64,
}

impl ReasonGroups {
    pub(super) fn add(&mut self, record: Refused) {
        self.records += 1;
        let of = |reason: String| {
            let Refused {
                typetag, by, orgid, ..
            } = &record;
            (typetag.clone(), by.clone(), orgid.clone(), reason)
        };
        let mut key = of(pattern(&record.reason));
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&key) {
            key = of(OTHERS.to_owned());
        }
        let Some(group) = self.groups.get_mut(&key) else {
            let reason = match key.3 == OTHERS {
                true => OTHERS.to_owned(),
                false => record.reason.clone(),
            };
            let group = ReasonGroup {
                reason,
                records: 1,
                first: record.timestamp,
                newest: record,
            };
            self.groups.insert(key, group);
            return;
        };
        group.records += 1;
        group.first = group.first.min(record.timestamp);
        if group.reason != record.reason {
            group.reason = key.3;
        }
        if record.timestamp >= group.newest.timestamp {
            group.newest = record;
        }
    }

    /// Returns the number of records.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Returns the groups, the one with the newest record first.
    pub(super) fn sorted(self) -> Vec<ReasonGroup> {
        let mut groups: Vec<ReasonGroup> = self.groups.into_values().collect();
        groups.sort_by(|a, b| {
            let newest = b.newest.timestamp.total_cmp(&a.newest.timestamp);
            newest.then_with(|| a.newest.id.cmp(&b.newest.id))
        });
        groups
    }
}

/// Returns the reason with `#` for each number and `…` for each value between backticks.
fn pattern(reason: &str) -> String {
    let mut pattern = String::with_capacity(reason.len());
    let mut quoted = false;
    for c in reason.chars() {
        match c {
            '`' => {
                pattern.push_str(if quoted { "`" } else { "`…" });
                quoted = !quoted;
            }
            _ if quoted => {}
            '0'..='9' => {
                if !pattern.ends_with('#') {
                    pattern.push('#');
                }
            }
            c => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(typetag: &str, reason: &str, timestamp: f64) -> Refused {
        Refused {
            typetag: typetag.to_owned(),
            id: format!("{timestamp}"),
            by: "archive".to_owned(),
            reason: reason.to_owned(),
            orgid: "home".to_owned(),
            timestamp,
            name: None,
            hash: None,
        }
    }

    #[test]
    fn reasons_that_differ_in_values_only_are_one() {
        let mut groups = ReasonGroups::default();
        groups.add(record("cowrie", "record 12: time `x` is none", 5.0));
        groups.add(record("cowrie", "record 7: time `yy` is none", 3.0));
        groups.add(record("cowrie", "no session", 9.0));
        groups.add(record("cowrie", "no session", 8.0));
        groups.add(record("email", "no session", 1.0));
        assert_eq!(groups.records(), 5);
        let groups = groups.sorted();
        let told = groups.iter().map(|group| {
            let ReasonGroup {
                reason,
                records,
                first,
                newest,
            } = group;
            (&**reason, *records, *first, newest.timestamp)
        });
        let expected = [
            ("no session", 2, 8.0, 9.0),
            ("record #: time `…` is none", 2, 3.0, 5.0),
            ("no session", 1, 1.0, 1.0),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_attacker_makes_no_more_groups_than_there_is_room() {
        let mut groups = ReasonGroups::default();
        for i in 0..GROUPS + 50 {
            let word: String = format!("{i:05}")
                .bytes()
                .map(|b| char::from(b + 49))
                .collect();
            groups.add(record("cowrie", &word, 1.0));
        }
        let groups = groups.sorted();
        assert_eq!(groups.len(), GROUPS + 1);
        let others = groups.iter().find(|group| group.reason == OTHERS);
        assert_eq!(others.map(|group| group.records), Some(50));
    }
}
