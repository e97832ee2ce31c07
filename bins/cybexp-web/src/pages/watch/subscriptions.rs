//! The list of a person's subscriptions.

use maud::{Markup, html};
use serde_json::Value;

use super::PATH;
use crate::instances::scalar;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::csrf;
use crate::view::number::counted;
use crate::view::time::time_or_dash;
use crate::view::{text, value};

/// The most subscriptions that are shown.
const SHOWN: usize = 200;

/// Shows the subscriptions, those that were made last first.
pub(super) fn shown(person: &SignedIn, subscriptions: &[Value]) -> Markup {
    html! {
        section aria-labelledby="subscriptions" {
            h2 #subscriptions { "Subscriptions" }
            @if subscriptions.is_empty() { p { "You have none. The page of a value has a button " strong { "Watch" } "; others are made below." } }
            @else {
                div.scroll tabindex="0" role="group" aria-labelledby="subscriptions" {
                    table.records {
                        thead { tr { th { "watched" } th { "name" } th { "told by" } th { "made" } th { "change" } } }
                        tbody { @for one in subscriptions.iter().rev().take(SHOWN) { (row(person, one)) } }
                    }
                }
                @if subscriptions.len() > SHOWN { p.note { (counted((subscriptions.len() - SHOWN) as u64, "more", "more")) " not shown." } }
            }
        }
    }
}

fn row(person: &SignedIn, one: &Value) -> Markup {
    let texts = |field: &str| one[field].as_str().unwrap_or_default();
    html! {
        tr {
            td { (wanted(one)) }
            td.prose { (text::line(texts("name"))) }
            td {
                (texts("channel"))
                @if let Some(url) = one["url"].as_str() { " " (text::line(url)) }
                @if let Some(secret) = one["secret"].as_str() {
                    details { summary { "secret" } code.hash { (text::line(secret)) } p.note { "Deliveries are signed with it." } }
                }
            }
            td { (time_or_dash(one["made"].as_f64())) }
            td {
                form.inline action=(PATH) method="post" {
                    (csrf(person))
                    input type="hidden" name="what" value="remove";
                    input type="hidden" name="id" value=(texts("id"));
                    button.quiet type="submit" { "Remove" }
                }
            }
        }
    }
}

fn wanted(one: &Value) -> Markup {
    let events = &one["events"];
    let condition = |field: &str| events[field].as_str();
    html! {
        @if one["value"].is_object() {
            @let sub_type = one["value"]["sub_type"].as_str().unwrap_or_default();
            @let shown = scalar(&one["value"]["data"]);
            @let subject = Subject::of_attribute(sub_type, &one["value"]["data"]);
            (value::sub_type(sub_type)) " "
            @match subject { Some(subject) => { (value::linked(&subject, &shown)) } None => { (text::line(&shown)) } }
        } @else if let Some(feed) = one["feed"].as_str() {
            "feed " strong { (text::line(feed)) }
        } @else {
            "events"
            @if let Some(sub_type) = condition("sub_type") { " " strong { (text::line(sub_type)) } }
            @if let Some(category) = condition("category") { ", " (value::category(category)) }
            @if let Some(sensor) = condition("sensor") { ", of the sensor " strong { (text::line(sensor)) } }
        }
    }
}
