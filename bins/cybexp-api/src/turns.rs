//! Turns at work of which only so much is done at once, fair between those who wait.
//!
//! Each who waits stands in a lane, such as that of a user or an address. The lanes take turns, so a thousand jobs in one
//! lane hold up another lane by one job. If too many wait, the last of the longest lane is refused, not the newcomer.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Turns in lanes of type `K`.
#[derive(Debug)]
pub(crate) struct Turns<K: Clone + Eq + Hash>(Arc<Mutex<Lanes<K>>>);

#[derive(Debug)]
struct Lanes<K: Clone + Eq + Hash> {
    limits: TurnLimits,
    /// The number of turns under way in each lane that has any.
    working: HashMap<K, usize>,
    /// The number of all turns under way.
    all_working: usize,
    /// Those who wait in each lane that has any, the first to be served first.
    waiting: HashMap<K, VecDeque<oneshot::Sender<Turn<K>>>>,
    /// The number of all who wait.
    all_waiting: usize,
    /// The lanes in which somebody waits, the next one to be served first.
    order: VecDeque<K>,
}

/// The bounds of turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnLimits {
    /// The most turns at once.
    pub(crate) places: usize,
    /// The most turns at once in one lane.
    pub(crate) of_lane: usize,
    /// The most who wait.
    pub(crate) waiting: usize,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<K: Clone + Eq + Hash> {
    lane: K,
    /// `None` once the turn was given on.
    lanes: Option<Arc<Mutex<Lanes<K>>>>,
}

/// The error of a turn that is refused, because too many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyWait;

impl<K: Clone + Eq + Hash> Turns<K> {
    pub(crate) fn new(limits: TurnLimits) -> Self {
        Self(Arc::new(Mutex::new(Lanes {
            limits,
            working: HashMap::new(),
            all_working: 0,
            waiting: HashMap::new(),
            all_waiting: 0,
            order: VecDeque::new(),
        })))
    }

    /// Waits for a turn in this lane.
    ///
    /// # Errors
    /// Too many wait, and none of them in a longer lane; or somebody else came while this was the last of the longest lane.
    pub(crate) async fn take(&self, lane: K) -> Result<Turn<K>, TooManyWait> {
        let turn = {
            let mut lanes = lock(&self.0);
            if lanes.may_begin(&lane) {
                lanes.begin(lane.clone());
                return Ok(self.turn(lane));
            }
            lanes.make_room(&lane)?;
            lanes.wait(lane)
        };
        // the sender is dropped if room is made for another
        turn.await.map_err(|_| TooManyWait)
    }

    fn turn(&self, lane: K) -> Turn<K> {
        Turn {
            lane,
            lanes: Some(Arc::clone(&self.0)),
        }
    }
}

impl<K: Clone + Eq + Hash> Lanes<K> {
    fn may_begin(&self, lane: &K) -> bool {
        let own = self.working.get(lane).copied().unwrap_or_default();
        self.all_working < self.limits.places && own < self.limits.of_lane
    }

    fn begin(&mut self, lane: K) {
        *self.working.entry(lane).or_default() += 1;
        self.all_working += 1;
    }

    fn end(&mut self, lane: &K) {
        if let Some(own) = self.working.get_mut(lane) {
            *own -= 1;
            if *own == 0 {
                self.working.remove(lane);
            }
        }
        self.all_working -= 1;
    }

    /// Refuses the last of the longest lane if too many wait, which may be the newcomer in `lane`.
    fn make_room(&mut self, lane: &K) -> Result<(), TooManyWait> {
        if self.all_waiting < self.limits.waiting {
            return Ok(());
        }
        let longest = self.waiting.iter().max_by_key(|(_, own)| own.len());
        let own = self.waiting.get(lane).map_or(0, VecDeque::len) + 1;
        match longest {
            Some((longest, others)) if others.len() > own => {
                let longest = longest.clone();
                self.leave(&longest, VecDeque::pop_back);
                Ok(())
            }
            Some(_) | None => Err(TooManyWait),
        }
    }

    fn wait(&mut self, lane: K) -> oneshot::Receiver<Turn<K>> {
        let (turn, comes) = oneshot::channel();
        let own = self.waiting.entry(lane.clone()).or_default();
        if own.is_empty() {
            self.order.push_back(lane);
        }
        own.push_back(turn);
        self.all_waiting += 1;
        comes
    }

    /// Removes one who waits from a lane, and the lane with the last one.
    fn leave<T>(
        &mut self,
        lane: &K,
        one: impl FnOnce(&mut VecDeque<oneshot::Sender<Turn<K>>>) -> Option<T>,
    ) -> Option<T> {
        let own = self.waiting.get_mut(lane)?;
        let left = one(own)?;
        self.all_waiting -= 1;
        if own.is_empty() {
            self.waiting.remove(lane);
            self.order.retain(|other| other != lane);
        }
        Some(left)
    }

    /// Begins the turn of the next who may have one. Their lane goes to the back.
    fn next(&mut self) -> Option<(K, oneshot::Sender<Turn<K>>)> {
        let at = self.order.iter().position(|lane| self.may_begin(lane))?;
        let lane = self.order.remove(at)?;
        self.order.push_back(lane.clone());
        let turn = self.leave(&lane, VecDeque::pop_front)?;
        self.begin(lane.clone());
        Some((lane, turn))
    }
}

fn lock<K: Clone + Eq + Hash>(lanes: &Mutex<Lanes<K>>) -> MutexGuard<'_, Lanes<K>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Clone + Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        let Some(lanes) = self.lanes.take() else {
            return;
        };
        lock(&lanes).end(&self.lane);
        loop {
            // in a statement of its own, which ends the lock: a turn that nobody takes is dropped here
            let next = lock(&lanes).next();
            let Some((lane, waits)) = next else {
                return;
            };
            let turn = Turn {
                lane,
                lanes: Some(Arc::clone(&lanes)),
            };
            match waits.send(turn) {
                Ok(()) => return,
                Err(mut left) => {
                    left.lanes = None;
                    lock(&lanes).end(&left.lane);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn turns(places: usize, of_lane: usize, waiting: usize) -> Turns<&'static str> {
        Turns::new(TurnLimits {
            places,
            of_lane,
            waiting,
        })
    }

    #[tokio::test]
    async fn lanes_take_turns_however_many_wait_in_one() {
        let turns = turns(1, 1, 100);
        let first = turns.take("many").await.unwrap();
        let mut many: Vec<_> = (0..5).map(|_| Box::pin(turns.take("many"))).collect();
        for one in &mut many {
            assert!(one.now_or_never().is_none());
        }
        let mut few = Box::pin(turns.take("few"));
        assert!((&mut few).now_or_never().is_none());
        drop(first);
        let second = (&mut many[0]).now_or_never().unwrap().unwrap();
        assert!((&mut few).now_or_never().is_none());
        drop(second);
        let third = few.now_or_never().unwrap().unwrap();
        assert!((&mut many[1]).now_or_never().is_none());
        drop(third);
        assert!((&mut many[1]).now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn the_last_of_the_longest_lane_makes_room() {
        let turns = turns(1, 1, 3);
        let held = turns.take("many").await.unwrap();
        let mut many: Vec<_> = (0..3).map(|_| Box::pin(turns.take("many"))).collect();
        for one in &mut many {
            assert!(one.now_or_never().is_none());
        }
        let refused = turns.take("many").now_or_never().unwrap();
        assert_eq!(refused.map(drop), Err(TooManyWait));
        let mut few = Box::pin(turns.take("few"));
        assert!((&mut few).now_or_never().is_none());
        let last = (&mut many[2]).now_or_never().unwrap();
        assert_eq!(last.map(drop), Err(TooManyWait));
        drop(held);
        assert!((&mut many[0]).now_or_never().unwrap().is_ok());
        assert!(few.now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_lane_has_a_part_of_the_places_and_who_left_is_passed_over() {
        let turns = turns(3, 2, 10);
        let held = [(); 2].map(|()| turns.take("a").now_or_never().unwrap().unwrap());
        let mut own = Box::pin(turns.take("a"));
        let mut left = Box::pin(turns.take("a"));
        assert!((&mut left).now_or_never().is_none());
        assert!((&mut own).now_or_never().is_none());
        drop(left);
        let other = turns.take("b").now_or_never().unwrap().unwrap();
        drop(other);
        assert!((&mut own).now_or_never().is_none());
        drop(held);
        drop((&mut own).now_or_never().unwrap().unwrap());
        let lanes = lock(&turns.0);
        assert!(lanes.working.is_empty() && lanes.waiting.is_empty() && lanes.order.is_empty());
        assert_eq!((lanes.all_working, lanes.all_waiting), (0, 0));
    }
}
