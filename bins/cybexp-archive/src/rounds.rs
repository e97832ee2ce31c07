//! Cuts the records of a batch into rounds, each of which takes a bounded amount of memory.

use crate::opened::OpenedEntry;

/// The most memory of the values of a round, in bytes. A record that needs more is a round by itself.
const ROUND_BYTES: u64 = 64 << 20;
/// The most records of a round, which are written together.
const ROUND_RECORDS: usize = 8000;

/// A record of a batch: the position of its entry, its position among the records that are to be read, and the memory
/// that it takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) entry: usize,
    pub(crate) index: usize,
    pub(crate) memory: u64,
}

/// The records of a batch, in order.
pub(crate) struct Rounds<'a> {
    entries: &'a [OpenedEntry],
    entry: usize,
    index: usize,
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(entries: &'a [OpenedEntry]) -> Self {
        Self {
            entries,
            entry: 0,
            index: 0,
        }
    }

    /// Returns the next record, without taking it.
    fn peek(&mut self) -> Option<Place> {
        loop {
            let entry = self.entries.get(self.entry)?;
            let memory = match &entry.content {
                Ok(content) => content.memory(self.index),
                Err(_) => None,
            };
            if let Some(memory) = memory {
                return Some(Place {
                    entry: self.entry,
                    index: self.index,
                    memory,
                });
            }
            self.entry += 1;
            self.index = 0;
        }
    }
}

impl Iterator for Rounds<'_> {
    type Item = Vec<Place>;

    fn next(&mut self) -> Option<Vec<Place>> {
        let mut round = vec![self.peek()?];
        self.index += 1;
        let mut memory = round[0].memory;
        while round.len() < ROUND_RECORDS
            && let Some(place) = self.peek()
            && memory + place.memory <= ROUND_BYTES
        {
            memory += place.memory;
            round.push(place);
            self.index += 1;
        }
        Some(round)
    }
}

/// Cuts a round into shares of about equal work, at most this many.
pub(crate) fn shares(round: Vec<Place>, most: usize) -> Vec<Vec<Place>> {
    let total: u64 = round.iter().map(|place| place.memory).sum();
    let enough = total.div_ceil(most.max(1) as u64);
    let mut shares: Vec<Vec<Place>> = Vec::new();
    let mut memory = enough;
    for place in round {
        if memory >= enough {
            shares.push(Vec::new());
            memory = 0;
        }
        memory += place.memory;
        if let Some(share) = shares.last_mut() {
            share.push(place);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_all_records_in_order() {
        let place = |index, memory| Place {
            entry: 0,
            index,
            memory,
        };
        let memory = [5, 1, 1, 1, 9, 1, 1, 40, 1];
        let round: Vec<Place> = (0..).zip(memory).map(|(i, m)| place(i, m)).collect();
        for most in 1..6 {
            let shares = shares(round.clone(), most);
            assert!((1..=most).contains(&shares.len()), "{most}");
            assert!(shares.iter().all(|share| !share.is_empty()));
            assert_eq!(shares.concat(), round);
        }
        assert!(shares(Vec::new(), 2).is_empty());
    }
}
