//! Keeps the collections beside the archive: rows of values that an older archive lacks, and the tables of hours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cybexp_service::Shutdown;
use cybexp_store::{Archive, HourKeeper, StoreError, ValueWalk};

/// Time between two steps when there is nothing to do.
const PAUSE: Duration = Duration::from_secs(10);
/// Time after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Time between two steps of work, so that it does not hold up the filters.
const BREATH: Duration = Duration::from_millis(20);

/// Keeps both until the daemon ends.
pub(crate) async fn keep(archive: Archive, shutdown: Shutdown) {
    let mut keeper = None;
    while !shutdown.is_begun() {
        let pause = match step(&archive, &mut keeper).await {
            Ok(true) => BREATH,
            Ok(false) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "the tables of hours could not be made");
                AFTER_FAILURE
            }
        };
        // a step is never cut short
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Makes the rows of values that an older archive lacks, until there are none left.
pub(crate) async fn walk(archive: &Archive) -> Result<(), StoreError> {
    let walk = ValueWalk::new(archive);
    while walk.step().await?.is_some() {}
    Ok(())
}

async fn step(archive: &Archive, keeper: &mut Option<HourKeeper>) -> Result<bool, StoreError> {
    let keeper = match keeper {
        Some(keeper) => keeper,
        None => {
            // tables are made of the events that the walk has made known by their organisation
            if let Some(events) = ValueWalk::new(archive).step().await? {
                tracing::debug!(events, "older events have rows of their values");
                return Ok(true);
            }
            keeper.insert(HourKeeper::open(archive).await?)
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    keeper.step(now.unwrap_or_default().as_secs_f64()).await
}
