//! Queries that are wrong: each fails with a reason that names the field.

use cybexp_seal::{Format, PrivateKey};
use serde_json::{Value, json};
use tahoe_core::{Hash, Query};

use crate::world::World;

#[tokio::test]
async fn every_bad_field_is_named() {
    let world = World::new("wrong").await;
    let ip = |more: Value| {
        let mut question = json!({"sub_type": "ipv4", "data": "203.0.113.7"});
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        question
    };
    for (question, reason) in [
        (
            ip(json!({"colour": "red"})),
            "field colour: is not a field of a query",
        ),
        (
            ip(json!({"$where": "1"})),
            "field $where: is not a field of a query",
        ),
        (
            ip(json!({"level": 0})),
            "field level: is not an integer from 1 to 3",
        ),
        (ip(json!({"level": 4})), "field level: "),
        (ip(json!({"level": "2"})), "field level: "),
        (ip(json!({"level": 2.0})), "field level: "),
        (
            ip(json!({"page": 0})),
            "field page: is not an integer from 1 to ",
        ),
        (
            ip(json!({"page": 9_223_372_036_854_775_807_i64})),
            "field page: ",
        ),
        (
            ip(json!({"summary": 1})),
            "field summary: is neither true nor false",
        ),
        (ip(json!({"summary_graph": "yes"})), "field summary_graph: "),
        (
            ip(json!({"category": "evil"})),
            "field category: `evil` is not one of all, ",
        ),
        (
            ip(json!({"category": ["malicious"]})),
            "field category: is not text",
        ),
        (
            ip(json!({"context": "Malicious"})),
            "field context: `Malicious` is not one of ",
        ),
        (
            ip(json!({"return_type": "raw"})),
            "field return_type: `raw` is not one of ",
        ),
        (
            ip(json!({"from": "the other day"})),
            "field from: `the other day` ",
        ),
        (ip(json!({"from": true})), "field from: "),
        (ip(json!({"to": {"$gt": 0}})), "field to: "),
        (
            ip(json!({"from": 10, "to": 9})),
            "field from: `10` is later than to",
        ),
        (ip(json!({"last": "soon"})), "field last: "),
        (ip(json!({"last": "5 parsecs"})), "field last: "),
        (ip(json!({"last": 5})), "field last: is not text"),
        (
            ip(json!({"last": "1d", "from": 0})),
            "field last: `1d` cannot stand beside from or to",
        ),
        (ip(json!({"last": "1d", "to": 0})), "field last: "),
        (ip(json!({"tzname": "Mars/Olympus_Mons"})), "field tzname: "),
        (json!({"data": "203.0.113.7"}), "field sub_type: is missing"),
        (json!({"sub_type": "ipv4"}), "field data: is missing"),
        (
            json!({"sub_type": "not an identifier", "data": 1}),
            "field sub_type: ",
        ),
        (
            json!({"sub_type": 4, "data": 1}),
            "field sub_type: is not text",
        ),
        (
            json!({"sub_type": "ipv4", "data": ["1", "2"]}),
            "field data: ",
        ),
        (
            json!({"sub_type": "ipv4", "data": {"$gt": ""}}),
            "field data: ",
        ),
        (
            json!({"sub_type": "ip", "data": "203.0.113"}),
            "field data: `203.0.113` is not an IP address",
        ),
        (
            json!({"sub_type": "ip", "data": 7}),
            "field data: `7` is not an IP address",
        ),
        (
            json!({"sub_type": "ipv4", "data": "999.1.1.1"}),
            "field data: `999.1.1.1` is not an IPv4 address",
        ),
        (
            json!({"sub_type": "port", "data": "http"}),
            "field data: `http` is not a port, which is a number from 0 to 65535",
        ),
        (
            json!({"sub_type": "domain", "data": "\u{1b}[2J"}),
            "field data: `\\u{1b}[2J` is not the name of a host",
        ),
        (
            json!({"sub_type": "port4", "data": 444}),
            "field data: `444` is a number, and port4 cannot hold a number, for its name ends in a digit",
        ),
        (
            json!({"sub_type": "passwrod", "data": "x"}),
            "field sub_type: nothing was found of `passwrod`: did you mean password?",
        ),
        (
            json!({"sub_type": "credential", "data": "x"}),
            "field sub_type: nothing was found of `credential`: that is a sub_type of objects, not of attributes",
        ),
        (json!({"_hash": "abc"}), "field _hash: "),
        (
            ip(json!({"_hash": "0".repeat(64)})),
            "field _hash: stands in place of ",
        ),
        (json!({}), "field sub_type: is missing"),
        (
            json!(["ipv4", "203.0.113.7"]),
            "field data: is not an object of query fields",
        ),
        (
            json!("ipv4"),
            "field data: is not an object of query fields",
        ),
    ] {
        for qtype in ["count", "related"] {
            expect(&world, world.query(qtype, &question), reason).await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let world = World::new("unreadable").await;
    let good = || world.query("count", &json!({"sub_type": "ipv4", "data": "203.0.113.7"}));
    let sealed = |bytes: &[u8]| String::from_utf8(world.site.seal(bytes)).unwrap();
    let plain = |text: &str| Query {
        qdata: text.to_owned(),
        encrypted: false,
        ..good()
    };
    let hashed = |text: &str| Query {
        qhash: Hash::of(&[text]).to_string(),
        ..plain(text)
    };

    for qtype in ["Count", "threat", "", "eval(1)"] {
        let query = Query {
            qtype: qtype.to_owned(),
            ..good()
        };
        expect(
            &world,
            query,
            &format!("field type: `{qtype}` is not one of count, related"),
        )
        .await;
    }
    let query = Query {
        qhash: "0".repeat(64),
        ..good()
    };
    expect(&world, query, "field qhash: not the hash of the question").await;
    expect(&world, plain("{}"), "field qhash: ").await;

    // the seal
    let mut broken = good();
    let at = broken.qdata.len() - 3;
    broken.qdata.replace_range(
        at..=at,
        if &broken.qdata[at..=at] == "A" {
            "B"
        } else {
            "A"
        },
    );
    expect(&world, broken, "field qdata: seal: ").await;
    let stranger = PrivateKey::generate(2048).unwrap().public_key();
    let foreign = stranger.seal(Format::Jwe, b"{}").unwrap();
    let foreign = Query {
        qdata: String::from_utf8(foreign).unwrap(),
        ..good()
    };
    expect(&world, foreign, "field qdata: seal: ").await;
    for qdata in ["", "x", "b''", "{}"] {
        let query = Query {
            qdata: qdata.to_owned(),
            ..good()
        };
        expect(&world, query, "field qdata: seal: ").await;
    }

    // what is under it
    let not_text = Query {
        qdata: sealed(b"\xff\xfe{}"),
        ..good()
    };
    expect(&world, not_text, "field qdata: not UTF-8").await;
    expect(&world, plain(r"b'\xff'"), "field qdata: not UTF-8").await;
    for literal in ["b'", r"b'\x4'", "b'a'b'", "b'é'"] {
        expect(&world, plain(literal), "field qdata: ").await;
    }
    for text in [
        "",
        "no JSON",
        "{\"sub_type\": \"not canonical\"}",
        &"[".repeat(5000),
    ] {
        let reason = if text.starts_with('{') {
            "field "
        } else {
            "field data: is not in canonical"
        };
        expect(&world, hashed(text), reason).await;
    }
    // never run
    expect(
        &world,
        hashed("__import__('os').system('touch /tmp/cybexp-owned')"),
        "field data: ",
    )
    .await;
}

async fn expect(world: &World, query: Query, reason: &str) {
    let shown = format!("{query}: {}", query.qdata);
    let said = world.answer(query).await.expect_err(&shown);
    assert!(
        said.starts_with(reason),
        "`{said}` does not begin with `{reason}`"
    );
    assert!(said.len() < 400, "{said}");
}
