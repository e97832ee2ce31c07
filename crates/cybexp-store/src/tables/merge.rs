//! The most frequent values of many tables, without input or output.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use crate::tables::entries::{Entries, ValueId};

/// A part of a table, with the kinds of events that count.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub entries: Arc<[u8]>,
    /// Whether events of a kind count, by kind.
    pub wanted: Arc<[bool]>,
}

/// The most frequent values of all tables.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Most {
    /// Values in the most events first, equal ones in the order of their ids.
    pub values: Vec<(ValueId, u64)>,
    /// The number of values that are in any event.
    pub distinct: u64,
    /// The sum of all numbers.
    pub sum: u64,
}

/// Returns the most frequent values of all parts, less some events of some values. The ids of a part are in order, so all
/// parts are walked through at once, and memory does not grow with the number of values.
pub(crate) fn most(parts: &[Part], limit: usize, less: &HashMap<ValueId, u64>) -> Most {
    let mut open: Vec<Entries<'_>> = parts.iter().map(|part| Entries(&part.entries)).collect();
    let mut next: BinaryHeap<Reverse<(ValueId, usize, u64)>> = BinaryHeap::new();
    let read = |open: &mut [Entries<'_>], n: usize| {
        let wanted = |kind: u32| parts[n].wanted.get(kind as usize).copied().unwrap_or(false);
        let (id, sum) = open[n].next_sum(wanted)?;
        Some(Reverse((id, n, sum)))
    };
    for n in 0..open.len() {
        next.extend(read(&mut open, n));
    }
    let mut best: BinaryHeap<(Reverse<u64>, ValueId)> = BinaryHeap::new();
    let mut most = Most::default();
    while let Some(Reverse((id, n, mut sum))) = next.pop() {
        next.extend(read(&mut open, n));
        while let Some(Reverse((other, n, more))) = next.peek().copied()
            && other == id
        {
            sum += more;
            next.pop();
            next.extend(read(&mut open, n));
        }
        sum = sum.saturating_sub(less.get(&id).copied().unwrap_or(0));
        if sum == 0 {
            continue;
        }
        most.distinct += 1;
        most.sum += sum;
        best.push((Reverse(sum), id));
        if best.len() > limit {
            best.pop();
        }
    }
    let sorted = best.into_sorted_vec();
    most.values = sorted.into_iter().map(|(sum, id)| (id, sum.0)).collect();
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::entries::entry;

    fn part(entries: &[(u8, u32, u64)], wanted: &[bool]) -> Part {
        let mut text = Vec::new();
        for (id, kind, count) in entries {
            text.extend(entry(&[*id; 16], &[(*kind, *count)]));
        }
        Part {
            entries: text.into(),
            wanted: wanted.into(),
        }
    }

    #[test]
    fn numbers_of_all_tables_are_added() {
        let parts = [
            part(&[(1, 0, 5), (2, 0, 1), (4, 1, 9)], &[true, false]),
            part(&[(2, 1, 7), (3, 1, 8)], &[true, true]),
            part(&[(3, 0, 100)], &[]),
            part(&[], &[true]),
        ];
        let none = HashMap::new();
        let most = most(&parts, 2, &none);
        assert_eq!(most.values, [([2; 16], 8), ([3; 16], 8)]);
        assert_eq!((most.distinct, most.sum), (3, 21));
        assert_eq!(super::most(&parts, 10, &none).values.len(), 3);
        let less = HashMap::from([([3; 16], 7), ([2; 16], 8)]);
        assert_eq!(super::most(&parts, 10, &less).sum, 5 + 1);
    }
}
