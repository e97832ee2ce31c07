//! The time that database operations took: as metrics of the process, and as a sum for one piece of work.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, histogram};

/// The operations of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// The number of operations.
    pub count: u32,
    /// The time spent waiting for the server. Concurrent operations each count in full.
    pub waited: Duration,
}

/// The operations of a piece of work, by name. They are displayed with the longest time first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent(BTreeMap<&'static str, Operations>);

impl Spent {
    /// Returns the operations by name.
    pub fn operations(&self) -> &BTreeMap<&'static str, Operations> {
        &self.0
    }
}

/// Writes `3 × reading documents 12.5 ms; 1 × …`.
impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, operations)| std::cmp::Reverse(operations.waited));
        for (n, (name, Operations { count, waited })) in rows.into_iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            let ms = waited.as_secs_f64() * 1e3;
            write!(f, "{separator}{count} × {name} {ms:.1} ms")?;
        }
        Ok(())
    }
}

tokio::task_local! {
    static SPENT: Arc<Mutex<Spent>>;
}

/// Runs a piece of work, and returns its database operations. Operations of tasks that it spawns are not included.
pub async fn measured<T>(work: impl Future<Output = T>) -> (T, Spent) {
    let spent = Arc::<Mutex<Spent>>::default();
    let done = SPENT.scope(Arc::clone(&spent), work).await;
    let spent = std::mem::take(&mut *spent.lock().unwrap_or_else(PoisonError::into_inner));
    (done, spent)
}

/// Describes the metrics of this crate to the metrics recorder, which must be installed before.
pub fn describe_metrics() {
    describe_histogram!(
        "cybexp_store_operation_seconds",
        "how long an operation of the database took, by its name"
    );
    describe_counter!(
        "cybexp_store_failures_total",
        "operations of the database that failed, by name"
    );
}

/// Counts one operation.
pub(super) fn count(name: &'static str, waited: Duration, failed: bool) {
    histogram!("cybexp_store_operation_seconds", "operation" => name).record(waited);
    if failed {
        counter!("cybexp_store_failures_total", "operation" => name).increment(1);
    }
    let ms = (waited.as_secs_f64() * 1e4).round() / 10.0;
    tracing::debug!(operation = name, ms, failed, "the database was asked");
    // outside of measured work there is no sum to add to
    let _ = SPENT.try_with(|spent| {
        let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
        let operations = spent.0.entry(name).or_default();
        operations.count += 1;
        operations.waited += waited;
    });
}
