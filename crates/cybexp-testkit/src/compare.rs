//! Two archives of the same submissions: one that was left in peace, and one that was not.

use std::collections::{BTreeMap, BTreeSet};

use cybexp_store::CensusRow;

/// The differences of an archive from one that was left in peace.
#[derive(Debug, Default)]
pub struct Differences {
    /// Documents that are missing, or hold less.
    pub lost: Vec<CensusRow>,
    /// Documents that are there twice, or that nobody submitted: events, sessions and raws.
    pub twice: Vec<CensusRow>,
    /// The number of attributes and objects besides. Those of derived events that were replaced stay until a sweep takes
    /// them, ten minutes later.
    pub more_nodes: usize,
}

fn is_node(row: &CensusRow) -> bool {
    matches!(row.itype.as_str(), "attribute" | "object")
}

impl Differences {
    /// Compares an archive with one that was left in peace.
    pub fn of(calm: &[CensusRow], other: &[CensusRow]) -> Self {
        let key = |row: &CensusRow| (row.hash.clone(), row.orgid.clone(), row.itype.clone());
        let mut differences = Self::default();
        let mut rows: BTreeMap<_, &CensusRow> = BTreeMap::new();
        for row in other {
            if rows.insert(key(row), row).is_some() {
                differences.twice.push(row.clone());
            }
        }
        let named = calm.iter().filter(|row| !is_node(row));
        let named: BTreeSet<&String> = named.flat_map(|row| &row.refs).collect();
        let mut known = BTreeSet::new();
        for row in calm {
            known.insert(key(row));
            // there, too, something stays of what was derived from sessions before they were complete
            let is_left = is_node(row) && !named.contains(&row.hash);
            if !is_left && rows.get(&key(row)) != Some(&row) {
                differences.lost.push(row.clone());
            }
        }
        let more = rows.iter().filter(|(key, _)| !known.contains(*key));
        for (_, row) in more {
            match is_node(row) {
                true => differences.more_nodes += 1,
                false => differences.twice.push((*row).clone()),
            }
        }
        differences
    }

    /// Checks that nothing is lost or there twice.
    ///
    /// # Panics
    /// If something is, with the first documents.
    pub fn assert_none(&self) {
        let first = |rows: &[CensusRow]| rows.iter().take(3).cloned().collect::<Vec<_>>();
        assert!(
            self.lost.is_empty() && self.twice.is_empty(),
            "{} lost: {:#?}\n{} twice: {:#?}",
            self.lost.len(),
            first(&self.lost),
            self.twice.len(),
            first(&self.twice)
        );
    }
}
