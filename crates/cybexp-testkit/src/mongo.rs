//! The MongoDB of the tests: one server for each test process, which is removed with the process.

use std::env;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mongo_local::Mongod;

/// Variable that names a server to use instead of a private one: a replica set with transactions.
pub const URL_VARIABLE: &str = "CYBEXP_TEST_MONGO_URL";

/// Returns the connection string of a server with transactions and change streams. It is `$CYBEXP_TEST_MONGO_URL`, or
/// else a private server, which the first call starts and which ends with the test process. Give databases [`unique`]
/// names.
///
/// # Panics
/// If no server can be started; the message lists the attempts. The first call blocks for about a second.
pub fn mongo_url() -> &'static str {
    static GIVEN: LazyLock<Option<String>> =
        LazyLock::new(|| env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty()));
    static OWN: LazyLock<Result<Mongod, mongo_local::Error>> =
        LazyLock::new(mongo_local::start_temporary);
    if let Some(url) = &*GIVEN {
        return url;
    }
    match &*OWN {
        Ok(mongod) => mongod.url(),
        Err(e) => panic!("the tests need a MongoDB: {e}\n(or give one in ${URL_VARIABLE})"),
    }
}

/// Returns a database name that no other test has, nor an earlier run on the same server: `name` and about 20 bytes
/// more. MongoDB allows 63 bytes.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{name}_{:x}_{:x}_{count}",
        since_epoch.as_secs(),
        process::id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_gives_the_same_server() {
        assert_eq!(mongo_url(), mongo_url());
        assert!(mongo_url().starts_with("mongodb"));
    }

    #[test]
    fn names_are_unique_and_short() {
        let (first, second) = (unique("cache"), unique("cache"));
        assert_ne!(first, second);
        assert!(first.starts_with("cache_") && first.len() < 40, "{first}");
    }
}
