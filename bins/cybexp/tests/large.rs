//! The largest submissions: those that fit become a graph, others are refused with the reason. Neither holds up later ones
//! or takes memory in proportion to the backlog.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use std::time::Duration;

use bson::doc;
use cybexp_testkit::{Daemon, Site, verified};
use serde_json::json;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
const PARTS: usize = 2000;

/// Makes a mail of about `bytes` bytes, nearly all of it attachments.
fn mail(bytes: usize) -> String {
    let content = "QUFB".repeat(bytes / PARTS / 4 - 40);
    let part = |n| {
        format!(
            "--b\nContent-Type: application/pdf; name=\"invoice-{n}.pdf\"\nContent-Transfer-Encoding: base64\n\n\
             {content}{n:04}\n"
        )
    };
    let parts: String = (0..PARTS).map(part).collect();
    format!(
        "From: Jane <jdoe@example.com>\nTo: bob@example.org\nSubject: {bytes} bytes\nDate: 28 Apr 2020 00:00:05 +0000\n\
         Content-Type: multipart/mixed; boundary=b\n\n{parts}--b\n\nPay at http://evil.example/now\n--b--\n"
    )
}

/// Runs a daemon until nothing is pending. Returns the time it took, and its peak memory in MiB.
fn once(site: &Site, daemon: &str) -> (Duration, u64) {
    let args = ["daemon", daemon, "--once"];
    let (took, peak) = Daemon::run_to_end(CYBEXP, &args, site);
    println!("{daemon}: {:.1} s, {peak} MiB at most", took.as_secs_f64());
    (took, peak)
}

#[tokio::test]
async fn a_mail_of_two_thousand_parts_is_read_up_to_the_limit_of_a_raw() {
    let site = Site::new("large", json!({})).await;
    let fits = mail(14_500 << 10);
    let too_large = mail(25 << 20);
    site.submit("email", [too_large.as_str(), fits.as_str()])
        .await;

    once(&site, "archive");
    let refused = site.cache.refused(10).await.unwrap();
    let [refused] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert!(refused.reason.contains("15 MiB"), "{}", refused.reason);

    once(&site, "analytics");
    let instances = site.collection("tahoe", "instance").await;
    let raw = instances
        .find_one(doc! {"itype": "raw"})
        .await
        .unwrap()
        .unwrap();
    assert_eq!(raw.get_array("filters").unwrap().len(), 1);
    assert_eq!(raw.get("_valid"), None);
    let event = instances
        .find_one(doc! {"itype": "event", "derived": {"$exists": false}})
        .await
        .unwrap()
        .unwrap();
    let data = event.get_document("data").unwrap();
    assert_eq!(data.get_array("attachment").unwrap().len(), PARTS);
    assert_eq!(data.get_array("url").unwrap().len(), 1);
    let documents = instances.count_documents(doc! {}).await.unwrap();
    let bytes = bson::serialize_to_vec(&event).unwrap().len();
    println!(
        "{} bytes of mail: {documents} documents, the event has {bytes} bytes",
        fits.len()
    );
    // raw, event; object, name and digest of each attachment
    assert!(documents > 2 + 3 * PARTS as u64, "{documents}");

    // neither is tried for ever
    once(&site, "archive");
    once(&site, "analytics");
    assert_eq!(instances.count_documents(doc! {}).await.unwrap(), documents);
    assert_eq!(site.cache.count_pending().await.unwrap(), 0);
    verified(CYBEXP, &site).await;
}

#[tokio::test]
async fn small_raws_that_make_much_are_written_as_they_come() {
    let site = Site::new("amplified", json!({})).await;
    let sighting = |n: usize| {
        let fields = (0..10_000).map(|i| (format!("a{i}"), json!(format!("{n}"))));
        serde_json::Value::Object(fields.collect()).to_string()
    };
    let sightings: Vec<String> = (0..10).map(sighting).collect();
    site.submit("sighting", sightings.iter().map(String::as_str))
        .await;
    once(&site, "archive");
    let (_, peak) = once(&site, "analytics");
    let instances = site.collection("tahoe", "instance").await;
    let events = instances
        .count_documents(doc! {"itype": "event"})
        .await
        .unwrap();
    assert_eq!(events, 100_000);
    assert!(peak < 512, "{peak} MiB");
    verified(CYBEXP, &site).await;
}

/// Texts whose values would take a gigabyte or more, though each is short enough for a submission.
fn hostile() -> Vec<String> {
    let list = |item: &str, count: usize| format!("[{}{item}]", format!("{item},").repeat(count));
    let endless = list("0", 7_000_000);
    let mut hostile = vec![list("0", 7_000_000); 4];
    hostile.extend([
        list("0", 30_000_000),
        list("{\"\":0}", 1_000_000),
        list("[[[[0]]]]", 1_000_000),
        // no JSON in the end, and so a text that is stored
        endless.trim_end_matches(']').to_owned(),
    ]);
    hostile
}

#[tokio::test]
async fn what_would_fill_the_memory_is_set_aside_and_the_rest_goes_on() {
    let site = Site::new("hostile", json!({})).await;
    let hostile = hostile();
    site.submit("note", hostile.iter().map(String::as_str))
        .await;
    let good: Vec<String> = (0..100).map(|n| json!({"n": n}).to_string()).collect();
    site.submit("note", good.iter().map(String::as_str)).await;
    // and the same as records among others
    let records: Vec<&[u8]> = [&good[0], &hostile[0], &hostile[6], &good[1]]
        .map(|text| text.as_bytes())
        .to_vec();
    let many = site.submission_of_many("note", &records);
    site.cache.submit(&[many]).await.unwrap();

    let (_, peak) = once(&site, "archive");
    assert!(peak < 512, "{peak} MiB");
    let raws = site.collection("tahoe", "instance").await;
    assert_eq!(raws.count_documents(doc! {}).await.unwrap(), 101);
    let refused = site.cache.refused(0).await.unwrap();
    assert_eq!(refused.len(), hostile.len() - 1 + 2);
    for one in refused {
        assert!(one.reason.contains("MiB"), "{one:?}");
    }
    verified(CYBEXP, &site).await;
}
