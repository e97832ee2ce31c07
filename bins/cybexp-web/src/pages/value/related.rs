//! The graph around a value, and the values that its events hold.

use std::collections::BTreeMap;

use cybexp_filters::vocabulary;
use maud::{Markup, html};

use crate::graph::{Graph, anchor, picture};
use crate::instances::{AttributeDoc, Related, scalar};
use crate::query::{CATEGORIES, DEEPEST, EXPANDED, LAST, PageQuery};
use crate::subject::Subject;
use crate::view::family::Family;
use crate::view::number::{counted, grouped};
use crate::view::{text, value};

/// The most values of one sub_type that a page lists.
const LISTED: usize = 15;
/// The most values that a page lists of all sub_types together; each sub_type has its first ones at least.
const ALL_LISTED: usize = 100;
/// The values that each sub_type has at least.
const AT_LEAST: usize = 3;
/// The most sub_types that a page lists.
const TYPES: usize = 40;

/// The most values that a page offers to expand.
const EXPANDABLE: usize = 12;

/// A value beside the events that hold it.
struct Seen<'a> {
    doc: &'a AttributeDoc,
    events: u64,
    malicious: u64,
}

/// Shows the conditions of the page, to be changed.
pub(super) fn conditions(query: &PageQuery) -> Markup {
    let levels = [
        "its events",
        "and their sessions",
        "and what those sessions' events share",
    ];
    html! {
        form.conditions action="/value" method="get" aria-label="Conditions" {
            @match &query.subject {
                Subject::Value { sub_type, data } => {
                    input type="hidden" name="data" value=(data);
                    label { "type" input name="type" value=(sub_type) list="types" size="12" maxlength="60" spellcheck="false"; }
                }
                Subject::Hash(hash) => { input type="hidden" name="hash" value=(hash); }
            }
            label { "time"
                select name="last" {
                    option value="" { "all" }
                    @for (last, name) in LAST { option value=(last) selected[query.last == Some(last)] { (name) } }
                }
            }
            label { "category"
                select name="category" {
                    option value="" { "all" }
                    @for category in CATEGORIES { option value=(category) selected[query.category == Some(category)] { (category) } }
                }
            }
            label { "reach"
                select name="level" {
                    @for (level, name) in (1..=DEEPEST).zip(levels) {
                        option value=(level) selected[query.level == level] { (name) }
                    }
                }
            }
            button type="submit" { "Show" }
            @if let Subject::Value { .. } = &query.subject {
                datalist #types { @for name in vocabulary::ATTRIBUTES { option value=(name) {} } }
            }
        }
    }
}

/// Shows other types that the text may be known under.
pub(super) fn other_types(query: &PageQuery) -> Markup {
    let Subject::Value { sub_type, data } = &query.subject else {
        return html! {};
    };
    let Subject::Value {
        sub_type: guessed, ..
    } = Subject::guess(data)
    else {
        return html! {};
    };
    let names = [
        guessed.as_str(),
        "url",
        "hostname",
        "filename",
        "username",
        "password",
        "shell_command",
        "sessionid",
    ];
    let mut others: Vec<&str> = names.into_iter().filter(|name| name != sub_type).collect();
    others.dedup();
    html! {
        ul.chips {
            @for name in others {
                @let other = Subject::Value { sub_type: name.to_owned(), data: data.clone() };
                li { a href=(other.path("/value")) { (name) } }
            }
        }
    }
}

/// Shows the graph.
pub(super) fn graph(query: &PageQuery, related: &Related) -> Markup {
    let graph = Graph::new(&query.subject, related);
    let export = |form: &str| format!("{}&form={form}", query.path("/value/export", query.page));
    html! {
        figure.graph aria-labelledby="graph" {
            figcaption {
                h2 #graph { "Around it" }
                p.note {
                    "Of " (of_events(related)) ". Squares are events, diamonds sessions, circles values; click one to go on, or with Shift to expand it here."
                    @if graph.left_out > 0 { " " strong { "There was no room for " (counted(graph.left_out as u64, "more", "more")) "." } }
                    @if graph.edges_left_out > 0 { " " (counted(graph.edges_left_out as u64, "line is", "lines are")) " not drawn." }
                    @if related.cut { " " strong { "The answer was too large and was cut." } }
                }
            }
            div.canvas tabindex="0" role="region" aria-label="The graph" { (picture(&graph, "The graph around the value")) }
            (legend())
            (expanding(query, &graph))
            p.exports {
                "Take with you: "
                a href=(export("svg")) download data-png { "SVG" } " " a href=(export("csv")) download { "CSV" } " "
                a href=(export("json")) download { "JSON" }
            }
        }
    }
}

/// Shows the values that can be expanded in the picture. Scripts do so in place.
fn expanding(query: &PageQuery, graph: &Graph) -> Markup {
    let path = |with: Vec<String>| {
        let other = PageQuery {
            with,
            ..query.clone()
        };
        format!("{}#graph", other.path("/value", query.page))
    };
    let nodes = graph
        .nodes
        .iter()
        .filter_map(|node| Some((node, node.hash.as_ref()?)));
    let nodes: Vec<_> = nodes.take(EXPANDABLE).collect();
    html! {
        div.expanding {
            @if !query.with.is_empty() { a.step data-graph href=(path(Vec::new())) { "Fold all" } " " }
            @if query.with.len() >= EXPANDED {
                span.note { "No more than " (EXPANDED) " values can be expanded." }
            } @else if !nodes.is_empty() {
                details {
                    summary { "Expand a value in the picture" }
                    ul.inline {
                        @for (node, hash) in nodes {
                            @let with = [query.with.as_slice(), std::slice::from_ref(hash)].concat();
                            li { a.step data-graph href=(path(with)) { (text::plain(&node.label, 40)) } }
                        }
                    }
                }
            }
        }
    }
}

fn of_events(related: &Related) -> String {
    let shown = related.events.len() as u64;
    match related.total {
        Some(total) if total > shown => {
            format!(
                "{} of {}",
                grouped(shown),
                counted(total, "event", "events")
            )
        }
        _ => counted(shown, "event", "events"),
    }
}

fn legend() -> Markup {
    html! {
        ul.legend aria-label="Colours" {
            @for (class, name) in [("c-malicious", "malicious"), ("c-benign", "benign"), ("c-unknown", "unknown")] {
                li { span.key.square.(class) {} (name) " event" }
            }
            @for family in Family::ALL { li { span.key.(family.class()) {} (family.name()) } }
        }
    }
}

/// Shows the values that the events hold, by family and sub_type.
pub(super) fn lists(query: &PageQuery, related: &Related) -> Markup {
    let types = by_type(related);
    let left_out = types.len().saturating_sub(TYPES);
    let shown = types.len().clamp(1, TYPES);
    let most = (ALL_LISTED / shown).clamp(AT_LEAST, LISTED);
    html! {
        section aria-labelledby="related" {
            h2 #related { "Seen together with it" }
            p.note { "In " (of_events(related)) ". " (more_link(query, related)) }
            div.columns {
                @for (sub_type, values) in types.iter().take(TYPES) { (list(sub_type, values, related, most)) }
            }
            @if left_out > 0 { p.note { (counted(left_out as u64, "more type is", "more types are")) " in the export." } }
        }
    }
}

fn more_link(query: &PageQuery, related: &Related) -> Markup {
    html! {
        @if query.level < DEEPEST && related.sessions.is_empty() {
            @let deeper = PageQuery { level: query.level + 1, ..query.clone() };
            a href=(deeper.path("/value", query.page)) { "Add their sessions" }
        }
    }
}

fn list(sub_type: &str, values: &[Seen<'_>], related: &Related, most: usize) -> Markup {
    let left_out = values.len().saturating_sub(most);
    let all = related.events.len().max(1) as f64;
    let share = |events: u64| format!("{:.0}%", 100.0 * events as f64 / all);
    html! {
        section.list #(format!("related-{}", anchor(sub_type))) {
            h3 { (value::sub_type(sub_type)) " " span.n { (grouped(values.len() as u64)) } }
            ul {
                @for one in values.iter().take(most) {
                    li {
                        (value::linked(&Subject::of(sub_type, &one.doc.data, &one.doc.hash), &scalar(&one.doc.data)))
                        span.share title=(format!("in {}, malicious in {}", counted(one.events, "event", "events"), one.malicious)) {
                            @if one.events > 0 { span.n { (one.events) } }
                            @if one.events > 1 {
                                svg aria-hidden="true" {
                                    @if one.malicious < one.events { rect.c-unknown width=(share(one.events)) {} }
                                    @if one.malicious > 0 { rect.c-malicious width=(share(one.malicious)) {} }
                                }
                            }
                        }
                    }
                }
            }
            @if left_out > 0 { p.note { (grouped(left_out as u64)) " more are in the export." } }
        }
    }
}

/// Returns the values by sub_type: families in their order, and within a sub_type those of most events first.
fn by_type(related: &Related) -> Vec<(&str, Vec<Seen<'_>>)> {
    let mut types: BTreeMap<(Family, &str), Vec<Seen<'_>>> = BTreeMap::new();
    for (doc, events, malicious) in related.seen() {
        let key = (Family::of(&doc.sub_type), doc.sub_type.as_str());
        types.entry(key).or_default().push(Seen {
            doc,
            events,
            malicious,
        });
    }
    for values in types.values_mut() {
        values.sort_by(|a, b| {
            let text = |one: &Seen<'_>| scalar(&one.doc.data);
            b.events.cmp(&a.events).then_with(|| text(a).cmp(&text(b)))
        });
    }
    let sorted = types.into_iter();
    sorted.map(|((_, name), values)| (name, values)).collect()
}
