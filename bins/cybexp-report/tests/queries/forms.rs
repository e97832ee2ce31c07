//! The forms in which queries come: sealed or not, as text or as the text of a Python bytes literal.

use std::fmt::Write as _;

use cybexp_seal::{Format, PublicKey};
use cybexp_store::GraphBatch;
use serde_json::json;
use tahoe_core::Query;
use tahoe_core::question::Question;

use crate::world::{World, attribute, event};

/// Python's `repr` of bytes.
fn literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b'\'' if quote == '\'' => text.push_str("\\'"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    text.push(quote);
    text
}

#[tokio::test]
async fn every_form_of_a_query_is_answered_alike() {
    let world = World::new("forms").await;
    let value = "it's \"quoted\", and 日本語";
    let mut batch = GraphBatch::default();
    for n in 0..3 {
        let children = vec![attribute("username", value).into()];
        batch.add_event(event(world.site.orgid, f64::from(n), children));
    }
    world.write(&batch).await;

    let question = json!({"sub_type": "username", "data": value, "last": null});
    let (text, _) = Question::encode(&question).unwrap();
    let pem = std::fs::read_to_string(world.site.folder.path().join("pub.pem")).unwrap();
    let key = PublicKey::from_pem(&pem).unwrap();
    let seal = |format| key.seal(format, text.as_bytes()).unwrap();
    let jwe = String::from_utf8(seal(Format::Jwe)).unwrap();

    for (form, qdata, encrypted) in [
        ("our API", jwe.clone(), true),
        ("our seal in a literal", literal(jwe.as_bytes()), true),
        ("the Python API", literal(&seal(Format::Legacy)), true),
        (
            "the Python API, not sealed",
            literal(text.as_bytes()),
            false,
        ),
        ("as it is", text.clone(), false),
    ] {
        let query = Query {
            qdata,
            encrypted,
            ..world.query("count", &question)
        };
        let report = world
            .answer(query)
            .await
            .unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(report["data"], json!(3), "{form}");
    }
}
