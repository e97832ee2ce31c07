//! The shapes in which lists come, and elements that are the same.

use async_compression::tokio::write::ZlibEncoder;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::harness::Input;
use crate::server::{Server, gzip, ok, script, status};

/// The records taken of one answer.
async fn taken(
    body: &[u8],
    headers: &'static [(&str, &str)],
    settings: serde_json::Value,
) -> Vec<String> {
    let body = body.to_vec();
    let server = Server::start(move |_| {
        let mut response = status(200, headers, "");
        *response.body_mut() = body.clone().into();
        response
    })
    .await;
    let mut all = json!({"url": server.url("/")});
    all.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let input = Input::new("http", all);
    input
        .fetch()
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    input.fetch().await.unwrap();
    input.source().check().await.unwrap();
    input.taken().await
}

#[tokio::test]
async fn lists_of_every_shape() {
    let one = ["{\"a\":1}", "{\"a\":2}"];
    for (body, settings) in [
        ("{\"a\":1}\n{\"a\":2}", json!({"items": "."})),
        (
            "{\"7\": [{\"a\":1}], \"8\": {\"a\":2}}",
            json!({"items": "."}),
        ),
        (
            "{\"odata.value\": [{\"a\":1},{\"a\":2}]}",
            json!({"items": "odata.value"}),
        ),
        (
            "[{\"list\": [{\"a\":1},{\"a\":2}]}]",
            json!({"items": "0.list"}),
        ),
    ] {
        assert_eq!(taken(body.as_bytes(), &[], settings).await, one, "{body}");
    }
    let scores = br#"{"data": {"192.0.2.1": {"score": 1}, "192.0.2.2": {"score": 1}}}"#;
    assert_eq!(
        taken(scores, &[], json!({"items": "data", "key_as": "ipv4"})).await,
        [
            r#"{"ipv4":"192.0.2.1","score": 1}"#,
            r#"{"ipv4":"192.0.2.2","score": 1}"#
        ]
    );
}

#[tokio::test]
async fn nothing_is_no_failure() {
    for body in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"data":{"list":null}}"#,
        r#"{"data":{},"count":0}"#,
        r#"{"query_status":"no_results"}"#,
    ] {
        assert!(
            taken(body.as_bytes(), &[], json!({"items": "data.list"}))
                .await
                .is_empty(),
            "{body}"
        );
    }
}

#[tokio::test]
async fn character_sets_and_packings() {
    let list = ["\"café\"", "2"];
    let text = "[\"café\", 2]";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let items = || json!({"items": "."});
    let latin = b"[\"caf\xe9\", 2]";
    let declared = &[("content-type", "application/json; charset=iso-8859-1")];
    assert_eq!(taken(latin, declared, items()).await, list);
    assert_eq!(taken(text.as_bytes(), declared, items()).await, list);
    assert_eq!(taken(&wide, &[], items()).await, list);
    assert_eq!(taken(latin, declared, json!({})).await, [text]);
    assert_eq!(taken(&gzip(latin).await, declared, items()).await, list);
    let deflate = &[("content-encoding", "deflate")];
    assert_eq!(taken(&deflated(text).await, deflate, items()).await, list);
}

async fn deflated(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new());
    encoder.write_all(text.as_bytes()).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

#[tokio::test]
async fn a_zip_archive_of_one_file() {
    // stored: a local header, the file, the directory's first bytes
    let text = b"[1, \"two\"]";
    let crc = crc32(text).to_le_bytes();
    let size = (text.len() as u32).to_le_bytes();
    let zip = [
        &b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0"[..],
        &crc,
        &size,
        &size,
        b"\x06\0\0\0a.json",
        text,
        b"PK\x01\x02",
        &[0; 42],
    ]
    .concat();
    assert_eq!(
        taken(&zip, &[], json!({"items": "."})).await,
        ["1", "\"two\""]
    );
    assert_eq!(taken(&zip, &[], json!({})).await, ["[1, \"two\"]"]);
}

/// CRC-32 (ISO 3309), bit by bit.
fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !data.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), step)
    })
}

#[tokio::test]
async fn an_element_is_the_same_in_other_words_and_by_its_id() {
    let feed = script("");
    let served = feed.clone();
    let server = Server::start(move |_| ok(*served.lock().unwrap())).await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "."}));
    for (body, taken) in [
        (r#"[{"id":1,"a":2},{"id":2,"a":2}]"#, 2),
        (r#"[{"a":2,"id":1},{"a":2,"id":2}]"#, 2),
        (r#"[ {"id":1 ,"a" : 2} ]"#, 2),
        ("[]", 2),
        (r#"[{"id":2,"a":2},{"id":1,"a":2}]"#, 2),
        (r#"[{"id":1,"a":3}]"#, 3),
    ] {
        *feed.lock().unwrap() = body;
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), taken, "{body}");
    }
    let input = Input::new(
        "http",
        json!({"url": server.url("/"), "items": ".", "id": "id"}),
    );
    for (body, taken) in [
        (r#"[{"id":1,"age_s":2},{"id":2,"age_s":2}]"#, 2),
        (r#"[{"id":1,"age_s":3},{"id":"2","age_s":3}]"#, 2),
        (r#"[{"id":3,"age_s":2},{"age_s":2}]"#, 4),
        (r#"[{"age_s":2}]"#, 4),
    ] {
        *feed.lock().unwrap() = body;
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), taken, "{body}");
    }
}

#[tokio::test]
async fn two_servers_of_one_name_that_differ() {
    let elements = |to: usize| {
        format!(
            "[{}]",
            (0..to).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
        )
    };
    let feed = script(String::new());
    let served = feed.clone();
    let server = Server::start(move |_| ok(served.lock().unwrap().clone())).await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "."}));
    for size in [100, 95, 100, 0, 100, 10, 100] {
        *feed.lock().unwrap() = elements(size);
        input.fetch().await.unwrap();
    }
    assert_eq!(input.taken().await.len(), 100);
}

#[tokio::test]
async fn asked_with_a_body() {
    let server = Server::start(|request| {
        let kind = request
            .header("content-type")
            .unwrap_or_default()
            .to_owned();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        ok(json!([request.method.as_str(), kind, body]).to_string())
    })
    .await;
    for (settings, expected) in [
        (
            json!({"method": "post", "body": {"query": "get_iocs", "days": 1}}),
            [
                "POST",
                "application/json",
                r#"{"query":"get_iocs","days":1}"#,
            ],
        ),
        (
            json!({"body": "query=get_iocs&days=1"}),
            [
                "POST",
                "application/x-www-form-urlencoded",
                "query=get_iocs&days=1",
            ],
        ),
        (
            json!({"body": "<Envelope/>", "headers": {"Content-Type": "application/soap+xml"}}),
            ["POST", "application/soap+xml", "<Envelope/>"],
        ),
        (
            json!({"method": "PUT", "body": [1]}),
            ["PUT", "application/json", "[1]"],
        ),
        (json!({"method": "POST"}), ["POST", "", ""]),
    ] {
        let mut all = json!({"url": server.url("/"), "items": "."});
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        let input = Input::new("http", all);
        input.fetch().await.unwrap();
        let taken: Vec<String> = input
            .taken()
            .await
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        let expected: Vec<&str> = expected.to_vec();
        assert_eq!(taken, dedup(expected));
    }
}

/// Equal elements of one list are one record.
fn dedup(mut all: Vec<&str>) -> Vec<&str> {
    all.dedup();
    all
}
