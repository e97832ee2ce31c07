//! The shares of users in a daemon: how many queries of each are at work, and whose turn is next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The part of a daemon's room that one user may have, as a divisor.
const PARTS: usize = 4;

/// Counts the queries at work by user; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    most: usize,
    at_work: Arc<Mutex<HashMap<String, usize>>>,
}

/// One query at work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    user: String,
    shares: Shares,
}

impl Shares {
    /// Makes the shares of a daemon that answers this many queries at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            most: at_once.div_ceil(PARTS),
            at_work: Arc::default(),
        }
    }

    /// Counts a query of this user as at work.
    pub(crate) fn take(&self, user: &str) -> Share {
        *self.lock().entry(user.to_owned()).or_default() += 1;
        Share {
            user: user.to_owned(),
            shares: self.clone(),
        }
    }

    /// Returns the users who have as many queries at work as one user may.
    pub(crate) fn busy(&self) -> Vec<String> {
        let at_work = self.lock();
        let busy = at_work.iter().filter(|(_, queries)| **queries >= self.most);
        busy.map(|(user, _)| user.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut at_work = self.shares.lock();
        if let Some(queries) = at_work.get_mut(&self.user) {
            *queries -= 1;
            if *queries == 0 {
                at_work.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_quarter_of_the_room() {
        let shares = Shares::new(8);
        let first = shares.take("ann");
        assert_eq!(shares.busy(), [""; 0]);
        let _second = shares.take("ann");
        let _other = shares.take("bob");
        assert_eq!(shares.busy(), ["ann"]);
        drop(first);
        assert_eq!(shares.busy(), [""; 0]);
        // a daemon of one query at a time still answers
        assert_eq!(Shares::new(1).busy(), [""; 0]);
    }
}
