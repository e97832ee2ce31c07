//! The table of fields says what the reader takes.

use serde_json::{Map, Value, json};

use super::field::{ALL, Bounds, FIELDS, FieldKind};
use super::{QueryType, Question};

/// Reads a question of these fields, and of a hash unless there is a subject.
fn read(qtype: QueryType, fields: &[(&str, Value)]) -> Result<Question, String> {
    let mut map: Map<String, Value> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    if takes(qtype, "_hash") {
        if !map.contains_key("sub_type") {
            map.insert("_hash".to_owned(), "a".repeat(64).into());
        }
    } else {
        map.entry("sub_type").or_insert_with(|| "url".into());
    }
    let (text, _) = Question::encode(&map.into()).map_err(|error| error.to_string())?;
    Question::decode(qtype.as_str(), &text, 1.7e9).map_err(|error| error.to_string())
}

fn takes(qtype: QueryType, field: &str) -> bool {
    let mut fields = FIELDS.iter().filter(|known| known.name == field);
    fields.any(|known| known.query_types.contains(&qtype))
}

/// Returns values that the field takes, and one that it does not take, if there is one.
fn samples(name: &str, kind: FieldKind) -> (Vec<Value>, Option<Value>) {
    let text = match name {
        "last" => "2h",
        "tzname" => "UTC",
        _ => "a",
    };
    match kind {
        FieldKind::Text => (vec![json!(text)], Some(json!(7))),
        FieldKind::Scalar => (vec![json!("a"), json!(7), json!(true)], Some(json!([]))),
        FieldKind::Hash => (vec![json!("b".repeat(64))], Some(json!("b"))),
        FieldKind::Time => (vec![json!(1.6e9), json!("2020-09-13")], Some(json!(true))),
        FieldKind::Integer(Bounds {
            least,
            most,
            default,
        }) => (
            vec![json!(least), json!(most), json!(default)],
            Some(json!(i64::from(least) - 1)),
        ),
        FieldKind::Choice(names) => (
            names.iter().chain([&ALL]).map(|name| json!(name)).collect(),
            Some(json!("good")),
        ),
        FieldKind::Name(names) => (
            names.iter().map(|name| json!(name)).collect(),
            Some(json!("decade")),
        ),
        FieldKind::Bool(default) => (vec![json!(default), json!(!default)], Some(json!("true"))),
    }
}

#[test]
fn each_query_type_takes_the_fields_of_the_table_and_no_others() {
    for qtype in QueryType::ALL {
        for field in FIELDS.iter().filter(|field| field.name != "_hash") {
            let (good, bad) = samples(field.name, field.kind);
            let question = |value: Value| match field.name {
                "sub_type" if takes(*qtype, "data") => {
                    read(*qtype, &[("sub_type", value), ("data", json!("a"))])
                }
                "data" => read(*qtype, &[("sub_type", json!("url")), ("data", value)]),
                name => read(*qtype, &[(name, value)]),
            };
            let takes = field.query_types.contains(qtype);
            for value in good {
                let taken = question(value);
                assert_eq!(taken.is_ok(), takes, "{qtype} {}: {taken:?}", field.name);
            }
            if let (true, Some(bad)) = (takes, bad) {
                let told = question(bad).unwrap_err();
                assert!(told.starts_with("field "), "{told}");
                assert!(told.contains(field.name), "{told}");
            }
        }
        assert!(read(*qtype, &[]).is_ok(), "{qtype} takes its least fields");
        let told = read(*qtype, &[("colour", json!("red"))]).unwrap_err();
        assert!(told.starts_with("field colour: is not a field"), "{told}");
    }
}

#[test]
fn defaults_of_the_table_change_nothing() {
    for qtype in QueryType::ALL {
        let bare = read(*qtype, &[]).unwrap();
        for field in FIELDS {
            let default = match field.kind {
                FieldKind::Integer(bounds) => json!(bounds.default),
                FieldKind::Choice(_) => json!(ALL),
                FieldKind::Bool(default) => json!(default),
                FieldKind::Text
                | FieldKind::Scalar
                | FieldKind::Hash
                | FieldKind::Time
                | FieldKind::Name(_) => continue,
            };
            if field.query_types.contains(qtype) {
                let given = read(*qtype, &[(field.name, default)]).unwrap();
                assert_eq!(given, bare, "{qtype} {}", field.name);
            }
        }
    }
}

#[test]
fn texts_of_a_search_are_bounded() {
    for (field, length, taken) in [
        ("text", 2048, true),
        ("text", 2049, false),
        ("after", 2049, false),
    ] {
        let text = json!("a".repeat(length));
        let told = read(QueryType::Search, &[(field, text)]);
        assert_eq!(told.is_ok(), taken, "{told:?}");
    }
}

/// The text is not canonical: [`Question::encode`] never writes white space around a value.
#[test]
fn white_space_around_a_text_means_nothing() {
    let read = |fields: [(&str, &str); 2], qtype: &str| {
        let form = |(name, text): (&str, &str)| (name.to_owned(), json!(json!(text).to_string()));
        let text = Value::from(Map::from_iter(fields.map(form))).to_string();
        Question::decode(qtype, &text, 1.7e9)
    };
    let spaced = read(
        [("sub_type", "ipv4"), ("data", " 203.0.113.9\t\u{1f}")],
        "count",
    );
    assert_eq!(
        spaced,
        read([("sub_type", "ipv4"), ("data", "203.0.113.9")], "count")
    );
    let Ok(Question::Count(conditions)) = spaced else {
        panic!("a count");
    };
    let (_, data) = conditions.attribute.expect("an attribute");
    assert_eq!(data.as_str(), Some("203.0.113.9"));
    assert_eq!(
        read([("sub_type", "url "), ("text", " evil")], "search"),
        read([("sub_type", "url"), ("text", "evil")], "search")
    );
}
