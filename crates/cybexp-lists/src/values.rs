//! Texts of lists, each kept as a hash of 64 bits.
//!
//! The hash is keyed anew in each process, so that nobody can make a value with the hash of a good one. Of 2.5 million
//! entries, one in seven million million values is found by chance.

use std::hash::{BuildHasher, RandomState};

/// The number of leading bits of a hash by which entries are grouped.
const GROUP_BITS: u32 = 16;

/// The meaning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// A host, and all hosts below it.
    Host,
    /// A whole value.
    Text,
}

/// Entries, sorted by hash. An entry takes ten bytes.
#[derive(Debug, Default)]
pub(crate) struct Values {
    state: RandomState,
    hashes: Vec<u64>,
    lists: Vec<u16>,
    /// The place of the first hash of each group, and the end of the last one.
    groups: Vec<u32>,
}

#[derive(Default)]
pub(crate) struct Builder {
    state: RandomState,
    entries: Vec<(u64, u16)>,
}

impl Builder {
    pub(crate) fn add(&mut self, role: Role, text: &str, list: u16) {
        self.entries.push((self.state.hash_one((role, text)), list));
    }

    pub(crate) fn finish(mut self) -> Values {
        self.entries.sort_unstable();
        self.entries.dedup();
        let mut groups = Vec::with_capacity((1 << GROUP_BITS) + 1);
        for (at, (hash, _)) in self.entries.iter().enumerate() {
            let group = (hash >> (64 - GROUP_BITS)) as usize;
            groups.resize(groups.len().max(group + 1), at as u32);
        }
        groups.resize((1 << GROUP_BITS) + 1, self.entries.len() as u32);
        Values {
            state: self.state,
            hashes: self.entries.iter().map(|(hash, _)| *hash).collect(),
            lists: self.entries.iter().map(|(_, list)| *list).collect(),
            groups,
        }
    }
}

impl Values {
    /// Adds the lists that hold a text, in whatever case.
    pub(crate) fn find(&self, role: Role, text: &str, found: &mut Vec<u16>) {
        if self.hashes.is_empty() {
            return;
        }
        let is_lower = !text
            .bytes()
            .any(|b| b.is_ascii_uppercase() || !b.is_ascii());
        let hash = match is_lower {
            true => self.state.hash_one((role, text)),
            false => self.state.hash_one((role, text.to_lowercase().as_str())),
        };
        let group = (hash >> (64 - GROUP_BITS)) as usize;
        let (from, to) = (self.groups[group] as usize, self.groups[group + 1] as usize);
        let in_group = &self.hashes[from..to];
        let mut at = from + in_group.partition_point(|other| *other < hash);
        while self.hashes.get(at) == Some(&hash) {
            found.push(self.lists[at]);
            at += 1;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.hashes.capacity() * 8 + self.lists.capacity() * 2 + self.groups.capacity() * 4
    }
}
