//! The memory that all submissions in work may take together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// The bytes of memory for each byte of a submission: as it came, sealed, and as the documents of the database.
const COPIES: u64 = 3;
/// The least memory of a request, in bytes.
const LEAST_BYTES: u64 = 16 << 10;
/// The unit in which memory is counted, in bytes.
const UNIT_BYTES: u64 = 1 << 10;
/// The least budget, in bytes. A larger one serves more large submissions at once.
const BUDGET_BYTES: u64 = 256 << 20;
/// How long a request waits for memory before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The budget. Requests that it cannot serve yet wait in the order in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    patience: Duration,
}

/// The share of one request, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    /// The length of a submission that the share is enough for.
    length: u64,
    permit: OwnedSemaphorePermit,
}

impl Budget {
    /// Makes a budget that has room for at least one submission of `max_body_bytes`.
    pub(crate) fn new(max_body_bytes: u64) -> Self {
        let bytes = BUDGET_BYTES.max(max_body_bytes.saturating_mul(COPIES + 1));
        let units = usize::try_from(bytes / UNIT_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            patience: PATIENCE,
        }
    }

    /// Waits until there is memory for a submission of this length in bytes.
    ///
    /// # Errors
    /// If there is none in time.
    pub(crate) async fn charge(&self, length: u64) -> Result<Charge, ApiError> {
        let permit = self.units(units(length)).await?;
        Ok(Charge {
            budget: self.clone(),
            length,
            permit,
        })
    }

    async fn units(&self, units: u64) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.units).acquire_many_owned(units);
        match tokio::time::timeout(self.patience, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(ApiError::Busy),
        }
    }
}

impl Charge {
    /// Waits until there is memory for a submission of this length, which was thought to be shorter.
    ///
    /// # Errors
    /// If there is none in time, as when many such submissions wait for each other.
    pub(crate) async fn grow(&mut self, length: u64) -> Result<(), ApiError> {
        if length <= self.length {
            return Ok(());
        }
        // twice the length, so that a long body waits a few times only
        let length = length.max(self.length * 2);
        let more = units(length) - units(self.length);
        self.permit.merge(self.budget.units(more).await?);
        self.length = length;
        Ok(())
    }
}

fn units(length: u64) -> u64 {
    (length.saturating_mul(COPIES) + LEAST_BYTES).div_ceil(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(patience_ms: u64) -> Budget {
        Budget {
            patience: Duration::from_millis(patience_ms),
            ..Budget::new(1)
        }
    }

    #[tokio::test]
    async fn who_must_wait_waits_until_others_are_done() {
        let budget = budget(5000);
        let large = budget.charge(60 << 20).await.unwrap();
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { budget.charge(60 << 20).await.map(drop) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        drop(large);
        assert!(second.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_come_again() {
        let budget = budget(50);
        let mut growing = budget.charge(1 << 20).await.unwrap();
        let large = budget.charge(60 << 20).await.unwrap();
        assert!(matches!(growing.grow(80 << 20).await, Err(ApiError::Busy)));
        drop(large);
        growing.grow(80 << 20).await.unwrap();
        assert!(budget.charge(60 << 20).await.is_err());
        drop(growing);
        assert!(budget.charge(60 << 20).await.is_ok());
    }

    #[tokio::test]
    async fn the_longest_submission_finds_room() {
        for max_body_bytes in [1_u64, 64 << 20, 1 << 30] {
            let budget = Budget::new(max_body_bytes);
            assert!(budget.charge(max_body_bytes).await.is_ok());
        }
    }
}
