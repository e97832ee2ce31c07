//! The story of a session: what was done, when, and how long nothing was.

use maud::{Markup, html};
use serde_json::Value;

use super::by_hash;
use crate::instances::scalar;
use crate::subject::Subject;
use crate::view::number::{counted, grouped};
use crate::view::time::{span, time_or_dash};
use crate::view::{text, value};

/// The shortest silence that the story tells, in seconds.
const SILENCE_S: f64 = 30.0;
/// The most other sessions of the same id that are listed.
const OTHERS: usize = 20;

/// Shows a page of a story.
pub(super) fn story(subject: &Subject, report: &Value) -> Markup {
    let (session, steps) = (&report["data"]["session"], list(&report["data"]["steps"]));
    let number = |name: &str| session[name].as_f64();
    let (began, ended) = (number("start_time"), number("end_time"));
    let lasted = number("duration").or_else(|| Some(ended? - began?));
    let total = report["total"].as_u64().unwrap_or_default();
    html! {
        dl.facts {
            @if let Some(sensor) = session["data"]["sensor"].get(0) { div { dt { "sensor" } dd { (text::line(&scalar(sensor))) } } }
            @if let Some((sub_type, from)) = steps.iter().find_map(attacker) {
                div { dt { "from" } dd { (linked(sub_type, from)) } }
            }
            div { dt { "began" } dd { (time_or_dash(began.or(report["first_seen"].as_f64()))) } }
            @if let Some(lasted) = lasted { div { dt { "lasted" } dd { (span(lasted)) } } }
            div { dt { "events" } dd { (grouped(total)) } }
        }
        section aria-labelledby="story" {
            h2 #story { "What happened" }
            ol.story { @for one in steps { (step(subject, one)) } }
            @if report["cut"] == true { p.note { "There is more than an answer of the API holds: long texts or late events are left out." } }
            (paging(subject, report))
        }
        (others(list(&report["data"]["others"])))
    }
}

fn step(subject: &Subject, step: &Value) -> Markup {
    let gap = step["gap"].as_f64().filter(|gap| *gap >= SILENCE_S);
    let field = |name: &str| step[name].as_str().unwrap_or_default();
    let at = step["timestamp"].as_f64().map(|at| at.to_string());
    let event = [
        ("id", field("_hash")),
        ("at", at.as_deref().unwrap_or_default()),
    ];
    let times = step["times"].as_u64().unwrap_or(1);
    html! {
        @if let Some(gap) = gap { li.gap { span { (span(gap)) " of silence" } } }
        li.(class(field("kind"))) {
            a.at href=(subject.path_with("/event", &event)) title="The event" { "+" (span(step["after"].as_f64().unwrap_or_default())) }
            span.what {
                (text::plain(field("said"), 80)) " "
                @if let Some(sub_type) = step["value"]["sub_type"].as_str() { (linked(sub_type, &step["value"]["data"])) " " }
                @if step["rest"].is_string() { span.prose { (text::line(field("rest"))) } }
                @if times > 1 { " " span.note { "(" (grouped(times)) " times)" } }
            }
        }
    }
}

fn class(kind: &str) -> &'static str {
    match kind {
        "connection" => "s-connect",
        "client" => "s-client",
        "login" => "s-login",
        "access" => "s-in",
        "command" => "s-command",
        "file" => "s-file",
        "network" => "s-network",
        _ => "s-other",
    }
}

fn linked(sub_type: &str, data: &Value) -> Markup {
    match Subject::of_attribute(sub_type, data) {
        Some(one) => value::linked(&one, &scalar(data)),
        None => text::line(&scalar(data)),
    }
}

fn attacker(step: &Value) -> Option<(&'static str, &Value)> {
    let attacker = step["data"]["attacker"].get(0)?;
    let mut names = ["ipv4", "ipv6"].into_iter();
    names.find_map(|name| Some((name, attacker[name].get(0)?)))
}

fn paging(subject: &Subject, report: &Value) -> Markup {
    let page = report["current_page"].as_u64().unwrap_or(1);
    let more = report["more"] == true;
    let to = |page: u64| subject.path_with("/session", &[("page", &page.to_string())]);
    html! {
        @if page > 1 || more {
            nav.paging aria-label="Pages of the story" {
                @if page > 1 { a.step rel="prev" href=(to(page - 1)) { "← earlier" } }
                span { "page " (page) }
                @if more { a.step rel="next" href=(to(page + 1)) { "later →" } }
            }
        }
    }
}

/// Shows the other sessions that have the same id.
fn others(others: &[Value]) -> Markup {
    html! {
        @if !others.is_empty() {
            section aria-labelledby="others" {
                h2 #others { "Other sessions of this name" }
                ul.plain {
                    @for one in others.iter().take(OTHERS) {
                        @if let Some(subject) = by_hash(one) {
                            li {
                                a.value.step href=(subject.path("/session")) { (time_or_dash(one["start_time"].as_f64())) }
                                @if let Some(sensor) = one["data"]["sensor"].get(0) { " at " (text::line(&scalar(sensor))) }
                            }
                        }
                    }
                }
                @if others.len() > OTHERS { p.note { (counted((others.len() - OTHERS) as u64, "more", "more")) } }
            }
        }
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
