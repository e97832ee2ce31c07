//! Notices: what subscriptions told, and what could not be delivered.

use maud::{Markup, html};
use serde_json::Value;

use super::PATH;
use crate::instances::scalar;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::csrf;
use crate::view::number::{counted, grouped};
use crate::view::time::time_or_dash;
use crate::view::{text, value};

/// The most notices that are shown of each kind, and the most values of one.
const SHOWN: usize = 50;
const VALUES: usize = 5;

/// Shows the notices for the page, and those that were given up.
pub(super) fn told(notices: &[Value], parked: &[Value], person: &SignedIn) -> Markup {
    html! {
        section aria-labelledby="notices" {
            h2 #notices { "You were told" }
            @if notices.is_empty() { p.note { "Nothing yet: here stands what the subscriptions below find, for eight days." } }
            @else {
                ol.live { @for notice in notices.iter().take(SHOWN) { (one(notice)) } }
                @if notices.len() > SHOWN { p.note { (counted((notices.len() - SHOWN) as u64, "older notice", "older notices")) " not shown." } }
            }
            @if !parked.is_empty() {
                h3 { "Could not be delivered" }
                ol.live { @for notice in parked.iter().take(SHOWN) { (one(notice)) } }
                form action=(PATH) method="post" {
                    (csrf(person))
                    input type="hidden" name="what" value="retry";
                    button type="submit" { "Deliver them again" }
                }
            }
        }
    }
}

fn one(notice: &Value) -> Markup {
    let told = &notice["told"];
    html! {
        li {
            span.at { (time_or_dash(notice["at"].as_f64())) }
            @if told["event"].is_object() { (event(&told["event"])) }
            @else if let Some(feed) = told["feed"]["name"].as_str() {
                span { (named(&told["value"])) (moved(told)) strong { (text::line(feed)) } }
            }
            @if let Some(error) = notice["error"].as_str() {
                span.note { (grouped(notice["tries"].as_u64().unwrap_or_default())) " tries: " (text::line(error)) }
            }
        }
    }
}

/// Returns in words whether a value came into a feed or left it.
fn moved(told: &Value) -> &'static str {
    match told["change"].as_str() {
        Some("left") => " left the feed ",
        _ => " came into the feed ",
    }
}

fn event(event: &Value) -> Markup {
    let texts = |field: &str| event[field].as_str().unwrap_or_default();
    let values = event["values"].as_array().into_iter().flatten();
    html! {
        span { (value::category(texts("category"))) " " strong { (text::line(texts("sub_type"))) } }
        @for one in values.take(VALUES) { (named(one)) }
    }
}

fn named(one: &Value) -> Markup {
    let sub_type = one["sub_type"].as_str().unwrap_or_default();
    let subject = Subject::of_attribute(sub_type, &one["data"]).filter(|_| one["cut"] != true);
    html! {
        span {
            (value::sub_type(sub_type)) " "
            (value::short(subject.as_ref(), &scalar(&one["data"]), 80))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_notice_of_a_feed_says_what_came_in_and_what_left() {
        let value = json!({"sub_type": "ipv4", "data": "203.0.113.9"});
        for (change, words) in [
            (json!(null), " came into the feed "),
            (json!("came"), " came into the feed "),
            (json!("left"), " left the feed "),
        ] {
            let told = json!({"feed": {"name": "attackers"}, "change": change, "value": value});
            let page = one(&json!({"at": 5.0, "told": told})).into_string();
            assert!(
                page.contains("203.0.113.9")
                    && page.contains(&format!("{words}<strong><bdi>attackers")),
                "{page}"
            );
        }
    }
}
