//! Submissions: what is stored of them, and that nothing is stored of those that are refused or broken off.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use bson::Bson;
use common::{all, archive, is, senders, start, status_of, stored};
use cybexp_store::LooseEnds;
use cybexp_testkit::{Answer, Api, Form, Site, answer, eventually};
use serde_json::{Value, json};
use tahoe_core::Org;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NOTHING: [usize; 3] = [0; 3];
const CHUNK: usize = 255 << 10;

fn record(n: usize) -> String {
    json!({"eventid": "cowrie.session.connect", "n": n, "text": "é \u{1f41d}"}).to_string()
}

/// The data of all raws that the archive makes of what is stored.
async fn opened(site: &Site) -> Vec<Value> {
    archive(site).await;
    for entry in all(site, "cache", "file_entries").await {
        assert!(entry.get_bool("processed").unwrap(), "{entry}");
        assert!(!entry.contains_key("error"), "{entry}");
    }
    let raws = all(site, "tahoe", "instance").await;
    let data = |raw: &bson::Document| raw.get("data").unwrap().clone();
    raws.iter()
        .map(|raw| bson::deserialize_from_bson(data(raw)).unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_stored_has_the_shape_that_the_python_api_gave_it() {
    for seal in ["jwe", "legacy"] {
        let (site, api) = start("shape", json!({"api": {"seal": seal}})).await;
        let token = site.token(&site.user().await);
        let data = record(1);
        let form = Form::submission(&site, "cowrie").file("cowrie.json", data.as_bytes());
        is(
            &api.submit(Some(&token), &form).await,
            201,
            "File uploaded successfully!",
        );

        let entry = all(&site, "cache", "file_entries").await.remove(0);
        let names: Vec<&str> = entry.keys().map(String::as_str).collect();
        let golden = [
            "_id",
            "name",
            "typetag",
            "orgid",
            "timezone",
            "timestamp",
            "processed",
            "fid",
        ];
        assert_eq!(names, golden);
        for (name, value) in [
            ("name", Bson::from("cowrie.json")),
            ("typetag", Bson::from("cowrie")),
            ("orgid", Bson::from(site.orgid.to_string())),
            ("timezone", Bson::from("UTC")),
            ("processed", Bson::from(false)),
        ] {
            assert_eq!(entry.get(name), Some(&value));
        }
        let since = entry.get_f64("timestamp").unwrap();
        assert!(since > 1_700_000_000.0 && since.fract() != 0.0);

        // https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md
        let file = all(&site, "cache", "fs.files").await.remove(0);
        let names: BTreeSet<&str> = file.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            BTreeSet::from(["_id", "length", "chunkSize", "uploadDate", "filename"])
        );
        assert_eq!(file.get("_id"), entry.get("fid"));
        assert!(matches!(file.get("chunkSize"), Some(Bson::Int32(261_120))));
        let chunk = all(&site, "cache", "fs.chunks").await.remove(0);
        let names: BTreeSet<&str> = chunk.keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["_id", "files_id", "n", "data"]));
        assert_eq!(chunk.get("files_id"), entry.get("fid"));
        let sealed = chunk.get_binary_generic("data").unwrap();
        assert_eq!(file.get("length"), Some(&Bson::Int64(sealed.len() as i64)));
        assert_eq!(sealed.starts_with(b"eyJ"), seal == "jwe");
        assert!(!sealed.windows(7).any(|part| part == b"eventid"));

        assert_eq!(
            opened(&site).await,
            [serde_json::from_str::<Value>(&data).unwrap()]
        );
    }
}

#[tokio::test]
async fn parts_come_in_any_order_and_files_in_any_size() {
    for seal in ["jwe", "legacy"] {
        let (site, api) = start("sizes", json!({"api": {"seal": seal}})).await;
        let token = site.token(&site.user().await);
        let org = site.orgid.to_string();
        let texts = |form: Form| {
            form.text("typetag", "text")
                .text("orgid", &org)
                .text("timezone", "Europe/Berlin")
        };
        let first = texts(Form::new().file("a", b"first"));
        let last = texts(Form::new()).file("b", b"last");
        let middle = Form::new().text("timezone", "UTC").file("c", b"middle");
        let middle = middle
            .text("name", "d")
            .text("typetag", "text")
            .text("orgid", &org);
        let mut expected: BTreeSet<String> =
            ["first", "last", "middle", ""].map(str::to_owned).into();
        let mut forms = vec![first, last, middle, texts(Form::new()).file("empty", b"")];
        // around one chunk and around what is written at once, sealed and not
        for (n, size) in [
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            CHUNK * 3 / 4,
            CHUNK * 16,
            (CHUNK * 17) * 3 / 4 + 7,
            5_000_000,
        ]
        .into_iter()
        .enumerate()
        {
            let text: String =
                format!("{n}{}", "0123456789abcdef".repeat(size / 16 + 1))[..size].to_owned();
            forms.push(texts(Form::new()).file("x", text.as_bytes()));
            expected.insert(text);
        }
        for form in &forms {
            is(
                &api.submit(Some(&token), form).await,
                201,
                "File uploaded successfully!",
            );
        }
        let names: Vec<String> = all(&site, "cache", "file_entries")
            .await
            .iter()
            .map(|entry| entry.get_str("name").unwrap().to_owned())
            .collect();
        assert_eq!(names[..4], ["a", "b", "d", "empty"]);
        let data: Vec<Value> = opened(&site).await;
        let texts: BTreeSet<String> = data
            .iter()
            .map(|data| data["data"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts.len(), expected.len());
        assert!(texts == expected);
        let loose = site.cache.loose_ends().await.unwrap();
        assert_eq!(loose, LooseEnds::default());
    }
}

#[tokio::test]
async fn what_is_refused_names_the_field_and_leaves_nothing() {
    let (site, api) = start("refused", json!({})).await;
    let token = site.token(&site.user().await);
    let stranger = site.add_user("stranger@example.com", "correct horse").await;
    let strangers = std::slice::from_ref(&stranger);
    let other = Org::new("other", "Other", strangers, strangers).unwrap();
    site.identity.create_org(&other).await.unwrap();
    let file = b"some data".as_slice();
    let org = site.orgid.to_string();
    let without = |field: &str| {
        let mut form = Form::new();
        for (name, text) in [("orgid", &*org), ("typetag", "cowrie"), ("timezone", "UTC")] {
            if name != field {
                form = form.text(name, text);
            }
        }
        form
    };
    let good = || Form::submission(&site, "cowrie");
    let long = "x".repeat(2000);
    let large = vec![b'x'; 5_000_000];
    for (form, status, message) in [
        (Form::new(), 400, "field file: is missing"),
        (good(), 400, "field file: is missing"),
        (
            without("orgid").file("x", file),
            400,
            "field orgid: is missing",
        ),
        (
            without("orgid").file("x", &large),
            400,
            "field orgid: is missing",
        ),
        (
            without("typetag").file("x", file),
            400,
            "field typetag: is missing",
        ),
        (
            without("timezone").file("x", file),
            400,
            "field timezone: is missing",
        ),
        (
            good().file("x", file).text("typetag", "y"),
            400,
            "field typetag: is given twice",
        ),
        (
            good().text("colour", "red").file("x", file),
            400,
            "Invalid input colour",
        ),
        (
            good().text("name", &long).file("x", file),
            400,
            "field name: is longer than 1024 bytes",
        ),
        (
            without("typetag")
                .text("typetag", "no identifier")
                .file("x", file),
            400,
            "field typetag: ",
        ),
        (
            without("typetag").text("typetag", "").file("x", file),
            400,
            "field typetag: ",
        ),
        (
            without("timezone")
                .text("timezone", "Mars/Base")
                .file("x", file),
            400,
            "field timezone: ",
        ),
        (
            without("orgid").text("orgid", "unr").file("x", file),
            400,
            "field orgid: ",
        ),
        (
            without("orgid")
                .text("orgid", &org.to_uppercase())
                .file("x", file),
            400,
            "field orgid: ",
        ),
        (
            without("orgid")
                .text("orgid", &"0".repeat(64))
                .file("x", file),
            401,
            "You are not an admin of this org!",
        ),
        (
            without("orgid")
                .text("orgid", &other.hash().to_string())
                .file("x", &large),
            401,
            "You are not an admin of this org!",
        ),
        (
            without("orgid")
                .file("x", &large)
                .text("orgid", &other.hash().to_string()),
            401,
            "You are not an admin of this org!",
        ),
    ] {
        let answer = api.submit(Some(&token), &form).await;
        assert_eq!(answer.status, status, "{answer:?}, not {message}");
        assert!(
            answer.message().starts_with(message),
            "{answer:?}, not {message}"
        );
    }
    // the stranger for the site's organisation, and nobody
    let form = good().file("x", &large);
    let token = site.token(&stranger);
    is(
        &api.submit(Some(&token), &form).await,
        401,
        "You are not an admin of this org!",
    );
    is(
        &api.submit(None, &form).await,
        401,
        "Invalid/missing token in auth header!",
    );
    assert_eq!(stored(&site).await, NOTHING);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let (site, api) = start("noform", json!({})).await;
    let token = site.token(&site.user().await);
    let form = Form::submission(&site, "cowrie").file("x", b"data").body();
    for (kind, body) in [
        ("application/json", b"{}".to_vec()),
        ("text/plain", form.clone()),
        ("multipart/form-data", form.clone()),
        ("multipart/form-data; boundary=other", form.clone()),
        (Form::CONTENT_TYPE, Vec::new()),
        (Form::CONTENT_TYPE, b"garbage".to_vec()),
        (Form::CONTENT_TYPE, form[..form.len() - 30].to_vec()),
        (
            Form::CONTENT_TYPE,
            [b"--a-test-of-the-api\r\n".to_vec(), vec![b'x'; 3 << 20]].concat(),
        ),
        (Form::CONTENT_TYPE, vec![b'x'; 3 << 20]),
    ] {
        let request = api
            .request("POST", "/raw", Some(&token))
            .header("content-type", kind);
        let answer = answer(request.body(body)).await;
        assert_eq!(answer.status, 400, "{kind}: {answer:?}");
        assert!(!answer.message().is_empty());
    }
    assert_eq!(stored(&site).await, NOTHING);
}

#[tokio::test]
async fn a_file_that_is_too_large_leaves_nothing() {
    let limit = 6_000_000;
    let (site, api) = start("large", json!({"api": {"max_body_bytes": limit}})).await;
    let token = site.token(&site.user().await);
    let submit = async |size: usize| -> Answer {
        let form = Form::submission(&site, "text").file("x", &vec![b'x'; size]);
        api.submit(Some(&token), &form).await
    };
    for size in [limit + 1, 2 * limit, 60_000_000] {
        is(
            &submit(size).await,
            413,
            "the request is larger than 6000000 bytes",
        );
        assert_eq!(stored(&site).await, NOTHING);
    }
    assert_eq!(submit(limit).await.status, 201);
    assert_eq!(opened(&site).await.len(), 1);
}

/// The beginning of a request to `/raw` that says it has a body of this length.
async fn half_a_request(api: &Api, token: &str, body: &[u8], length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&api.address).await.unwrap();
    let head = format!(
        "POST /raw HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {}\r\nContent-Length: {length}\r\n\r\n",
        api.address,
        Form::CONTENT_TYPE,
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (site, api) = start("broken", json!({})).await;
    let token = site.token(&site.user().await);
    let body = Form::submission(&site, "text")
        .file("x", &vec![b'x'; 12_000_000])
        .body();
    let mut streams = Vec::new();
    for part in [5_000_000, 10_000_000, body.len() - 3] {
        streams.push(half_a_request(&api, &token, &body[..part], body.len()).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(streams);
    let form = Form::submission(&site, "text").file("x", b"another");
    assert_eq!(api.submit(Some(&token), &form).await.status, 201);
    assert_eq!(stored(&site).await, [1, 1, 1]);
}

#[tokio::test]
async fn slow_clients_hold_nobody_up() {
    let (site, api) = start("slow", json!({})).await;
    let token = site.token(&site.user().await);
    let body = Form::submission(&site, "text")
        .file("x", &vec![b'x'; 1000])
        .body();
    let mut slow = Vec::new();
    for n in 0..200 {
        slow.push(half_a_request(&api, &token, &body[..n], body.len()).await);
    }
    for n in 0..20 {
        let form = Form::submission(&site, "text").file("x", format!("{n}").as_bytes());
        is(
            &api.submit(Some(&token), &form).await,
            201,
            "File uploaded successfully!",
        );
    }
    assert_eq!(stored(&site).await, [20, 20, 20]);
    // and in the end they, too, are done
    for (n, stream) in slow.iter_mut().enumerate() {
        stream.write_all(&body[n..]).await.unwrap();
    }
    for mut stream in slow {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 201");
    }
    assert_eq!(stored(&site).await, [220, 220, 220]);
}

#[tokio::test]
async fn what_makes_no_sense_is_not_kept_in_memory() {
    let (site, api) = start("nonsense", json!({})).await;
    let token = site.token(&site.user().await);
    let pid = api.daemon.pid();
    is(&api.get("/ping", None).await, 200, "pong");
    let before = status_of(pid, "VmHWM");
    for start in ["--a-test-of-the-api\r\nContent-Disposition: ", "garbage"] {
        let body = [start.as_bytes(), &vec![b'x'; 100 << 20]].concat();
        let request = api.request("POST", "/raw", Some(&token));
        let answer = answer(
            request
                .header("content-type", Form::CONTENT_TYPE)
                .body(body),
        )
        .await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let grown = status_of(pid, "VmHWM") - before;
    assert!(grown < 20 << 10, "{grown} KiB");
    assert_eq!(stored(&site).await, NOTHING);
}

#[tokio::test]
async fn whatever_is_killed_leaves_no_half_submission() {
    let (site, mut api) = start("killed", json!({})).await;
    let token = site.token(&site.user().await);
    let mut acknowledged = 0;
    for round in 0..3 {
        let sizes = [100, 300_000, 6_000_000, 14_000_000];
        let senders = senders(&site, &api, &token, 8, &sizes);
        tokio::time::sleep(Duration::from_millis(1500 + 300 * round)).await;
        api.daemon.kill();
        for sender in senders {
            acknowledged += sender.await.unwrap();
        }
        // the server may be at the last commit still
        eventually("what there is belongs together", async || {
            let loose = site.cache.loose_ends().await.unwrap();
            loose.entries_without_file + loose.files_without_entry == 0
        })
        .await;
        api = Api::start(common::API, common::NO_ARGS, &site).await;
    }
    // the chunks of submissions that were never complete
    let later = std::time::SystemTime::now() + Duration::from_secs(3600);
    let later = later.duration_since(std::time::UNIX_EPOCH).unwrap();
    let swept = site.cache.sweep_orphans(0.0, later.as_secs_f64());
    swept.await.unwrap();
    let loose = site.cache.loose_ends().await.unwrap();
    assert_eq!(loose, LooseEnds::default());
    // what was acknowledged is there; what was not may be
    let entries = stored(&site).await[0];
    assert!(
        acknowledged > 0 && entries >= acknowledged,
        "{entries} of {acknowledged}"
    );
}

#[tokio::test]
async fn a_label_goes_with_its_records() {
    let (site, api) = start("labels", json!({})).await;
    let token = site.token(&site.user().await);
    let form = |n: usize| Form::submission(&site, "cowrie").file("a", record(n).as_bytes());
    for (n, label) in ["TLP:Amber+Strict", "white", "red"].into_iter().enumerate() {
        let labelled = form(n).text("tlp", label);
        assert_eq!(api.submit(Some(&token), &labelled).await.status, 201);
    }
    assert_eq!(api.submit(Some(&token), &form(3)).await.status, 201);
    let wrong = api
        .submit(Some(&token), &form(4).text("tlp", "crimson"))
        .await;
    is(
        &wrong,
        400,
        "field tlp: `crimson` is no TLP label: clear, green, amber, amber+strict or red",
    );
    archive(&site).await;
    let labels = async |section, coll| {
        let documents = all(&site, section, coll).await;
        let labels = documents
            .iter()
            .map(|one| one.get_str("tlp").unwrap_or("none").to_owned());
        labels.collect::<BTreeSet<String>>()
    };
    let expected = ["amber+strict", "clear", "none", "red"].map(str::to_owned);
    assert_eq!(
        labels("cache", "file_entries").await,
        expected.clone().into()
    );
    assert_eq!(labels("tahoe", "instance").await, expected.into());
}
