//! Facts that filters derived of a value: where it is, whose network it is in, and how those behave who have it.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::scalar;
use crate::params::link;
use crate::query::PageQuery;
use crate::subject::Subject;
use crate::view::number::counted;
use crate::view::{text, value};

/// The derived sub_types that are shown, with what they say of a value.
const PLACES: [(&str, &str); 6] = [
    ("country_code2", "country"),
    ("asn", "network"),
    ("asn_name", "whose"),
    ("cidr", "addresses beside it"),
    ("domain", "domain"),
    ("hostname", "host"),
];
/// The most values of one sub_type that are shown.
const SHOWN: usize = 6;

/// Asks what was derived, and shows it. Nothing is shown if nothing was.
pub(super) async fn about(
    client: Client,
    query: PageQuery,
    wait: Duration,
) -> Result<Markup, WebError> {
    let derived = |more: Value| {
        let mut fields = query.subject.fields();
        fields.insert("derived".to_owned(), json!(true));
        if let Value::Object(more) = more {
            fields.extend(more);
        }
        question("related", fields)
    };
    // what holds at all times has the time 0; behaviours are reached over sessions
    let asked = vec![
        derived(json!({"from": 0, "to": 0})),
        derived(json!({"level": 2})),
    ];
    let mut answers = ask(&client, asked, wait).await?.into_iter();
    let mut data = || match answers.next() {
        Some(Answer::Report(mut report)) => match report["data"].take() {
            Value::Object(data) => data,
            _ => Map::new(),
        },
        _ => Map::new(),
    };
    let (places, around) = (data(), data());
    let places: Vec<_> = PLACES
        .into_iter()
        .filter_map(|(sub_type, name)| Some((sub_type, name, others(&places, sub_type, &query)?)))
        .collect();
    let behaviours = others(&around, "behaviour", &query);
    if places.is_empty() && behaviours.is_none() {
        return Ok(html! {});
    }
    Ok(html! {
        section aria-labelledby="about" {
            h2 #about { "What is known of it" }
            dl.facts {
                @for (sub_type, name, values) in &places {
                    div { dt { (name) } dd { (list(sub_type, values)) } }
                }
                @if let Some(values) = &behaviours {
                    div { dt { "behaves as" } dd { (list("behaviour", values)) } }
                }
            }
            @if behaviours.is_some() {
                p.note { "A behaviour is shared by all sessions that type the same, whatever address they come from: open it to see who else does." }
            }
        }
    })
}

/// Returns the values of a sub_type but the one that the page is about; `None` if there are none.
fn others(data: &Map<String, Value>, sub_type: &str, query: &PageQuery) -> Option<Vec<Value>> {
    let values = data.get(sub_type)?.as_array()?;
    let is_own = |one: &&Value| scalar(one) != query.subject.text();
    let values: Vec<Value> = values.iter().filter(is_own).cloned().collect();
    (!values.is_empty()).then_some(values)
}

/// Lists values with links to their pages; a network leads to the addresses in it.
fn list(sub_type: &str, values: &[Value]) -> Markup {
    let left_out = values.len().saturating_sub(SHOWN);
    html! {
        ul.inline {
            @for one in values.iter().take(SHOWN) {
                @if sub_type == "cidr" {
                    li { a.value href=(link("/list", &[("type", "ip"), ("text", &scalar(one))])) { (text::line(&scalar(one))) } }
                } @else if let Some(subject) = Subject::of_attribute(sub_type, one) {
                    li { (value::linked(&subject, &scalar(one))) }
                }
            }
            @if left_out > 0 { li.note { (counted(left_out as u64, "more", "more")) } }
        }
    }
}
