//! Networks, to be found by an address: a prefix tree, stored flat.
//!
//! Two networks are apart, or one lies in the other. So the networks cut all addresses into intervals, in each of which
//! the same networks hold. An interval names the smallest of them, and each network the next larger one.

/// A number of the addresses of one family.
pub(crate) trait Number: Copy + Ord {
    /// The number of bits.
    const BITS: u32;
    /// Returns the number with all but the first `bits` bits cleared, and that with all of these set.
    fn bounds(self, bits: u32) -> (Self, Self);
    /// Returns the next number; `None` after the last one.
    fn next(self) -> Option<Self>;
}

macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            const BITS: u32 = <$type>::BITS;

            fn bounds(self, bits: u32) -> (Self, Self) {
                let host = <$type>::MAX.checked_shr(bits).unwrap_or(0);
                (self & !host, self | host)
            }

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    };
}

number!(u32);
number!(u128);

/// No network.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Prefixes<T> {
    /// The first addresses of the intervals, sorted.
    starts: Vec<T>,
    /// The smallest network of each interval.
    smallest: Vec<u32>,
    /// For each network, the next larger one.
    larger: Vec<u32>,
    /// For each network, its list.
    lists: Vec<u16>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self {
            starts: Vec::new(),
            smallest: Vec::new(),
            larger: Vec::new(),
            lists: Vec::new(),
        }
    }
}

impl<T: Number> Prefixes<T> {
    /// Makes the tree of networks: address, number of bits, list.
    pub(crate) fn of(networks: Vec<(T, u8, u16)>) -> Self {
        let mut networks: Vec<(T, T, u16)> = networks
            .into_iter()
            .map(|(ip, bits, list)| {
                let (first, last) = ip.bounds(u32::from(bits).min(T::BITS));
                (first, last, list)
            })
            .collect();
        // A larger network comes before those in it.
        networks.sort_unstable_by(|a, b| (a.0, b.1, a.2).cmp(&(b.0, a.1, b.2)));
        networks.dedup();
        let mut tree = Self::default();
        let mut open: Vec<(u32, T)> = Vec::new();
        for (first, last, list) in networks {
            tree.close(&mut open, Some(first));
            let network = u32::try_from(tree.lists.len()).unwrap_or(NONE);
            tree.lists.push(list);
            tree.larger
                .push(open.last().map_or(NONE, |(larger, _)| *larger));
            tree.begin(first, network);
            open.push((network, last));
        }
        tree.close(&mut open, None);
        tree.starts.shrink_to_fit();
        tree.smallest.shrink_to_fit();
        tree.larger.shrink_to_fit();
        tree.lists.shrink_to_fit();
        tree
    }

    /// Ends the open networks that lie before an address; all without one.
    fn close(&mut self, open: &mut Vec<(u32, T)>, before: Option<T>) {
        while let Some((_, last)) = open.last()
            && before.is_none_or(|before| *last < before)
        {
            let next = last.next();
            open.pop();
            if let Some(next) = next {
                self.begin(next, open.last().map_or(NONE, |(network, _)| *network));
            }
        }
    }

    fn begin(&mut self, start: T, network: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.smallest.pop();
        }
        self.starts.push(start);
        self.smallest.push(network);
    }

    /// Adds the lists of all networks that hold an address.
    pub(crate) fn find(&self, ip: T, found: &mut Vec<u16>) {
        let after = self.starts.partition_point(|start| *start <= ip);
        let Some(interval) = after.checked_sub(1) else {
            return;
        };
        let mut network = self.smallest[interval];
        while let Some(list) = self.lists.get(network as usize) {
            found.push(*list);
            network = self.larger[network as usize];
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.starts.capacity() * (size_of::<T>() + 4) + self.lists.capacity() * 6
    }
}
