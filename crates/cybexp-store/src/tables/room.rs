//! Room for the events that are read for one answer, shared by its reads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The most events that are read for one answer.
const EVENTS: u64 = 300_000;
/// Events that are read however long it takes, so that a slow machine gives exact answers about small ranges.
const FEW: u64 = 5_000;
/// The time for which an answer goes on to read events, where tables of most hours may be missing.
pub(crate) const PATIENCE: Duration = Duration::from_millis(700);

/// Room for events. Once it is full it stays so.
#[derive(Debug)]
pub(crate) struct Room {
    read: AtomicU64,
    few: u64,
    until: Instant,
    full: AtomicBool,
}

impl Room {
    /// Makes the room of an answer that goes on to read events for this time.
    pub(crate) fn of_answer(patience: Duration) -> Self {
        Self::new(FEW, patience)
    }

    /// Makes the room for what outdated tables lack, once it is known that the answer will not be exact.
    pub(crate) fn of_rest(patience: Duration) -> Self {
        Self::new(FEW / 5, patience / 4)
    }

    fn new(few: u64, time: Duration) -> Self {
        Self {
            read: AtomicU64::new(0),
            few,
            until: Instant::now() + time,
            full: AtomicBool::new(false),
        }
    }

    /// Takes the room of an event that was read; false if there is none.
    pub(crate) fn take(&self) -> bool {
        let before = self.read.fetch_add(1, Ordering::Relaxed);
        if before >= EVENTS || (before >= self.few && Instant::now() >= self.until) {
            self.full.store(true, Ordering::Relaxed);
        }
        !self.is_full()
    }

    /// Whether an event found no room.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_events_are_read_however_long_it_takes() {
        let room = Room::new(3, Duration::ZERO);
        assert!((0..3).all(|_| room.take()) && !room.is_full());
        assert!(!room.take() && room.is_full());
    }

    #[test]
    fn there_is_an_end_however_fast_it_is() {
        let room = Room::new(3, Duration::from_secs(3600));
        let read = (0..=EVENTS).filter(|_| room.take()).count();
        assert!(read as u64 == EVENTS && room.is_full());
    }
}
