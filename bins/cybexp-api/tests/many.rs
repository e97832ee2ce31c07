//! Many records in one submission: each becomes what it would become alone.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bson::doc;
use common::{all, archive, start, stored};
use cybexp_testkit::{Form, answer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Records of every kind that bytes can have.
fn records() -> Vec<Vec<u8>> {
    let utf16: Vec<u8> = "\u{feff}caf\u{e9}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    vec![
        br#"{"eventid": "cowrie.session.connect", "n": 1}"#.to_vec(),
        b"".to_vec(),
        b"text\r\n--another-boundary--\r\n".to_vec(),
        b"caf\xe9 \x00\xff".to_vec(),
        utf16,
        b"\xef\xbb\xbf[1, -0, 1.0]".to_vec(),
        b"CYBEXP\x00\x01\x01\x00\x00\x00x".to_vec(),
        format!("\"{}\"", "x".repeat(3 << 20)).into_bytes(),
    ]
}

#[tokio::test]
async fn each_record_becomes_the_raw_that_it_would_become_alone() {
    let mut hashes = Vec::new();
    for (seal, many) in [("jwe", false), ("jwe", true), ("legacy", true)] {
        let (site, api) = start("many", json!({"api": {"seal": seal}})).await;
        let token = site.token(&site.user().await);
        let mut forms = Vec::new();
        let form = || Form::submission(&site, "note");
        match many {
            false => forms.extend(records().iter().map(|bytes| form().file("x", bytes))),
            true => {
                let whole = form().text("name", "all of them");
                let files = records();
                let files = files.iter();
                forms.push(files.fold(whole, |form, bytes| form.file("x", bytes)));
            }
        }
        // sent again, it makes the same raws
        for _ in 0..2 {
            for form in &forms {
                let taken = api.submit(Some(&token), form).await;
                assert_eq!(taken.status, 201, "{taken:?}");
                let expected = if many { json!(8) } else { json!(null) };
                assert_eq!(taken.json()["records"], expected);
            }
        }
        let count = forms.len() * 2;
        assert_eq!(stored(&site).await[..2], [count, count]);
        archive(&site).await;
        let raws = all(&site, "tahoe", "instance").await;
        let made: BTreeSet<String> = raws
            .iter()
            .map(|raw| raw.get_str("_hash").unwrap().to_owned())
            .collect();
        assert_eq!((raws.len(), made.len()), (8, 8));
        hashes.push(made);

        for entry in all(&site, "cache", "file_entries").await {
            assert!(entry.get_bool("processed").unwrap(), "{entry}");
            assert!(!entry.contains_key("bad_data"), "{entry}");
            if many {
                let raws = entry.get_binary_generic("raws").unwrap();
                assert_eq!((entry.get_i64("records").unwrap(), raws.len()), (8, 8 * 32));
                assert_eq!(entry.get_str("name").unwrap(), "all of them");
            }
        }
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_not_fail_the_others() {
    let (site, api) = start("badone", json!({})).await;
    let token = site.token(&site.user().await);
    let texts = ["{\"n\": 1}", "[NaN]", "{\"n\": 3}", "[1e999]"];
    let form = texts
        .iter()
        .fold(Form::submission(&site, "note"), |form, text| {
            form.file("x", text.as_bytes())
        });
    let taken = api.submit(Some(&token), &form).await.json();
    let id = taken["id"].as_str().unwrap();
    let fate = async || api.get(&format!("/raw/{id}"), Some(&token)).await.json();
    let waits = fate().await;
    assert_eq!(
        (&waits["status"], &waits["records"]),
        (&json!("waiting"), &json!(4))
    );
    archive(&site).await;

    let there = fate().await;
    assert_eq!(there["status"], "archived");
    let raws = there["raws"].as_array().unwrap();
    let stored: Vec<bool> = raws.iter().map(|raw| raw.is_string()).collect();
    assert_eq!(stored, [true, false, true, false]);
    assert_eq!(
        there["bad"],
        json!([
            {"n": 2, "reason": "data: holds NaN, which is no number of JSON"},
            {"n": 4, "reason": "data: the number 1e999 is out of range"},
        ])
    );
    assert_eq!(all(&site, "tahoe", "instance").await.len(), 2);
    let refused = site.cache.refused(0).await.unwrap();
    let ids: Vec<&str> = refused.iter().map(|one| &*one.id).collect();
    assert_eq!(ids, [format!("{id}:2"), format!("{id}:4")]);

    // one of them is tried again alone, and is as bad as before
    let entry = bson::oid::ObjectId::parse_str(id).unwrap();
    assert!(site.cache.retry_record(entry, 4).await.unwrap());
    assert_eq!(fate().await["status"], "waiting");
    archive(&site).await;
    assert_eq!(fate().await, there);
}

#[tokio::test]
async fn records_that_are_too_large_are_named_and_nothing_is_stored() {
    let (site, api) = start("toolarge", json!({})).await;
    let token = site.token(&site.user().await);
    let zeros = format!("[{}0]", "0,".repeat(1_500_000));
    let text = "x".repeat(16 << 20);
    let submit = async |records: &[&str]| {
        let form = records
            .iter()
            .fold(Form::submission(&site, "note"), |form, text| {
                form.file("x", text.as_bytes())
            });
        api.submit(Some(&token), &form).await
    };
    for large in [&zeros, &text] {
        let refused = submit(&[large]).await;
        assert_eq!(refused.status, 413, "{refused:?}");
        assert!(refused.message().contains("15 MiB"), "{refused:?}");
        assert!(!refused.message().starts_with("record"), "{refused:?}");
        assert_eq!(refused.json()["bad"][0]["n"], 1);
    }
    let refused = submit(&["{}", &zeros, "[]", &text]).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    let (message, body) = (refused.message(), refused.json());
    assert!(message.starts_with("record 2: ") && message.ends_with(" (and 1 more)"));
    let named: Vec<_> = body["bad"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| &bad["n"])
        .collect();
    assert_eq!(named, [&json!(2), &json!(4)]);
    assert_eq!(stored(&site).await, [0; 3]);
    // an event of MISP is stored without copies that no filter reads
    let event = format!("{{\"Event\": {{\"info\": \"i\", \"meta\": {zeros}}}}}");
    let form = Form::submission(&site, "misp_event").file("x", event.as_bytes());
    assert_eq!(api.submit(Some(&token), &form).await.status, 201);
    archive(&site).await;
    let raws = all(&site, "tahoe", "instance").await;
    assert_eq!(raws.len(), 1);
    assert_eq!(
        *raws[0].get_document("data").unwrap(),
        doc! {"Event": {"info": "i"}}
    );
}

#[tokio::test]
async fn a_submission_has_a_limited_number_of_records() {
    let (site, api) = start("count", json!({})).await;
    let token = site.token(&site.user().await);
    let form = |count: usize| {
        (0..count).fold(Form::submission(&site, "note"), |form, n| {
            form.file("", n.to_string().as_bytes())
        })
    };
    let refused = api.submit(Some(&token), &form(65_537)).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(
        refused.message(),
        "the submission has more than 65536 records"
    );
    assert_eq!(stored(&site).await, [0; 3]);
    let taken = api.submit(Some(&token), &form(65_536)).await;
    assert_eq!(
        (taken.status, &taken.json()["records"]),
        (201, &json!(65_536))
    );
    archive(&site).await;
    let raws = site.collection("tahoe", "instance").await;
    assert_eq!(raws.count_documents(doc! {}).await.unwrap(), 65_536);
}

#[tokio::test]
async fn who_finds_no_memory_is_told_to_come_again() {
    let (site, api) = start("busy", json!({})).await;
    let token = site.token(&site.user().await);
    let size = 60 << 20;
    // takes its share and sends next to nothing
    let mut holds = tokio::net::TcpStream::connect(&api.address).await.unwrap();
    let head = format!(
        "POST /raw HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {}\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n",
        api.address,
        Form::CONTENT_TYPE,
    );
    holds.write_all(head.as_bytes()).await.unwrap();
    // it asks for the body once it has the memory for it
    let mut wanted = [0; 25];
    holds.read_exact(&mut wanted).await.unwrap();
    assert_eq!(&wanted, b"HTTP/1.1 100 Continue\r\n\r\n");
    let part = "--a-test-of-the-api\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    holds.write_all(part.as_bytes()).await.unwrap();
    let sip = async {
        // not silent for so long that it is given up
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let _ = holds.write_all(b"x").await;
        }
    };
    let large = async {
        let since = Instant::now();
        let request = api.request("POST", "/raw", Some(&token));
        let request = request.header("content-type", Form::CONTENT_TYPE);
        let form = Form::submission(&site, "note").file("x", &vec![b'x'; size]);
        let response = request.body(form.body()).send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(since.elapsed() > Duration::from_secs(25));
    };
    let small = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer(api.request("GET", "/ping", None)).await
    };
    let (_, _, ping) = tokio::join!(sip, large, small);
    assert_eq!(ping.status, 200);
    drop(holds);
    let form = Form::submission(&site, "note").file("x", b"small");
    assert_eq!(api.submit(Some(&token), &form).await.status, 201);
}
