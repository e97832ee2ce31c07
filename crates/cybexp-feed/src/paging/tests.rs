//! Pages of lists, as APIs name them.

use serde_json::json;

use super::*;

fn page(url: &str) -> PageRequest {
    PageRequest {
        url: Url::parse(url).unwrap(),
        body: None,
    }
}

fn after(paging: &Paging, url: &str, document: &Value) -> anyhow::Result<Option<String>> {
    let places = paging.places();
    let found = places.iter().enumerate();
    let found = found.filter_map(|(n, place)| Some((n, place.find(document, 0)?.clone())));
    let beside = Beside {
        values: found.collect(),
        absent: None,
    };
    let page = page(url);
    let next = paging.next(&page, &page.url, None, &beside)?;
    Ok(next.map(|next| next.url.to_string()))
}

#[test]
fn the_usual_fields() {
    let url = "https://a/x?page=1";
    for (document, expected) in [
        (
            json!({"next": "https://a/x?page=2"}),
            Some("https://a/x?page=2"),
        ),
        (
            json!({"next": "http://a/x?page=2"}),
            Some("https://a/x?page=2"),
        ),
        (json!({"next": "/y"}), Some("https://a/y")),
        (json!({"next": "?page=2"}), Some("https://a/x?page=2")),
        (json!({"@odata.nextLink": "https://b/"}), Some("https://b/")),
        (
            json!({"links": {"next": {"href": "/z"}}}),
            Some("https://a/z"),
        ),
        (
            json!({"_links": {"next": {"href": "/z"}}}),
            Some("https://a/z"),
        ),
        (
            json!({"next": null, "links": {"next": "/l"}}),
            Some("https://a/l"),
        ),
        (json!({"next": url}), None),
        (json!({"next": "a-cursor"}), None),
        (json!({"next": 2}), None),
        (json!({"next": ""}), None),
        (json!({"next": "javascript:x"}), None),
        (json!({}), None),
    ] {
        let next = after(&Paging::Usual, url, &document).unwrap();
        assert_eq!(next.as_deref(), expected, "{document}");
    }
    let all = json!({"next": "/y", "@odata.nextLink": "/z"});
    let next = after(&Paging::Usual, url, &all).unwrap();
    assert_eq!(next.as_deref(), Some("https://a/z"));
    assert_eq!(after(&Paging::None, url, &all).unwrap(), None);
}

#[test]
fn a_field_with_a_url_or_a_value_for_a_parameter() {
    let field = |param: Option<&str>| Paging::Field {
        place: JsonPath::path("meta.cursor"),
        param: param.map(str::to_owned),
    };
    let at = |value: Value| json!({"meta": {"cursor": value}});
    let url = "https://a/x?cursor=old&n=5";
    let next = |param, value| after(&field(param), url, &at(value));
    assert_eq!(
        next(None, json!("p2.json")).unwrap().unwrap(),
        "https://a/p2.json"
    );
    next(None, json!(2)).unwrap_err();
    assert_eq!(
        next(Some("cursor"), json!("a b&c")).unwrap().unwrap(),
        "https://a/x?n=5&cursor=a+b%26c"
    );
    assert_eq!(
        next(Some("p"), json!(2)).unwrap().unwrap(),
        format!("{url}&p=2")
    );
    for end in [json!(null), json!(""), json!(false), json!(0)] {
        assert_eq!(next(Some("p"), end).unwrap(), None);
    }
    let body = PageRequest {
        body: Some(br#"{"q": {"n": 1}}"#.to_vec()),
        ..page("https://a/")
    };
    let next = with(&body, "q.after", &json!([7])).unwrap();
    assert_eq!(next.body.unwrap(), br#"{"q":{"n":1,"after":[7]}}"#);
    assert_eq!(next.url, body.url);
}
