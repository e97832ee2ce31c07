//! Measures the speed and memory of storing submissions: `cargo bench -p cybexp-store --bench submit`.
#![allow(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::time::{Duration, Instant};

use cybexp_store::{Cache, LooseEnds, NewEntry, Server, Submission, Submitter};
use cybexp_testkit::{mongo_url, status_of, unique};
use futures::future::join_all;
use tahoe_core::SubmissionTags;

const SMALL: usize = 1000;
const SMALL_BYTES: usize = 1 << 10;
const LARGE_BYTES: usize = 50 << 20;

#[tokio::main]
async fn main() {
    let server = Server::connect(mongo_url(), "bench").await.expect("a URL");
    let cache = Cache::open(&server, &unique("bench"), "file_entries")
        .await
        .expect("a cache");
    let submitter = Submitter::new(&cache);
    submitter
        .submit(of(SMALL_BYTES))
        .await
        .expect("it is stored");
    println!("memory at the beginning: {} MiB", memory_mib("VmRSS"));

    for callers in [1, 50, 200] {
        let caller = async |n| {
            for _ in 0..n {
                submitter
                    .submit(of(SMALL_BYTES))
                    .await
                    .expect("it is stored");
            }
        };
        let spent = time(join_all((0..callers).map(|_| caller(SMALL / callers)))).await;
        let rate = SMALL as f64 / spent.as_secs_f64();
        println!("{SMALL} of 1 KiB, {callers} callers: {rate:.0}/s");
    }
    let alone = async |n| {
        for _ in 0..n {
            cache
                .submit(&[of(SMALL_BYTES)])
                .await
                .expect("it is stored");
        }
    };
    let spent = time(join_all((0..50).map(|_| alone(SMALL / 50)))).await;
    let rate = SMALL as f64 / spent.as_secs_f64();
    println!("{SMALL} of 1 KiB, 50 callers, each with a transaction of its own: {rate:.0}/s");
    println!("peak memory so far: {} MiB", memory_mib("VmHWM"));

    for count in [1, 5] {
        let all = join_all((0..count).map(|_| submitter.submit(of(LARGE_BYTES))));
        let spent = time(all).await;
        let rate = ((count * LARGE_BYTES) >> 20) as f64 / spent.as_secs_f64();
        let peak = memory_mib("VmHWM");
        println!("{count} of 50 MiB at once: {rate:.0} MiB/s, peak memory so far: {peak} MiB");
    }
    let loose = cache.loose_ends().await.expect("they are read");
    assert_eq!(loose, LooseEnds::default());
}

async fn time<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

fn of(bytes: usize) -> Submission {
    let entry = NewEntry {
        name: "cowrie.json".to_owned(),
        tags: SubmissionTags {
            typetag: "cowrie".to_owned(),
            orgid: "unr".to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        },
        timestamp: 1.5,
        records: None,
    };
    let sealed = vec![7; bytes];
    Submission { entry, sealed }
}

/// Returns a memory figure of this process, in MiB.
fn memory_mib(field: &str) -> u64 {
    status_of(std::process::id(), field).unwrap_or_default() >> 10
}
