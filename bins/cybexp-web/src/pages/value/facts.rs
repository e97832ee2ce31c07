//! How often a value was seen, and when first and last.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::json;

use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::query::{CATEGORIES, LAST, PageQuery};
use crate::view::family::category_class;
use crate::view::number::grouped;
use crate::view::time::time_or_dash;

/// The width of the bar of categories.
const BAR: f64 = 400.0;

/// Asks how often the value was seen, and shows it.
pub(super) async fn facts(
    client: Client,
    query: PageQuery,
    wait: Duration,
) -> Result<Markup, WebError> {
    let with = |field: &str, value: &str| {
        let mut fields = query.observed();
        fields.insert(field.to_owned(), json!(value));
        question("count", fields)
    };
    let mut questions = vec![question("count", query.observed())];
    questions.extend(CATEGORIES.map(|category| with("category", category)));
    questions.extend(LAST.map(|(last, _)| with("last", last)));
    let mut answers = ask(&client, questions, wait).await?.into_iter();
    let all = answers.next().unwrap_or(Answer::NotReady).report()?;
    let total = all["data"].as_u64().unwrap_or_default();
    if total == 0 {
        // the part that follows says so
        return Ok(html! {});
    }
    let counts: Vec<Option<u64>> = answers.map(count).collect();
    // what filters derived of values has the time 0
    let seen = |field: &str| all[field].as_f64().filter(|at| *at > 0.0);
    let (categories, last) = counts.split_at(CATEGORIES.len());
    Ok(html! {
        section aria-label="How often it was seen" {
            dl.facts {
                div.big { dt { "events" } dd { (grouped(total)) } }
                @for (category, number) in CATEGORIES.iter().zip(categories) {
                    div { dt { span.cat.(category_class(category)) { (category) } } dd { (number_or_dash(*number)) } }
                }
                div { dt { "first seen" } dd { (time_or_dash(seen("first_seen"))) } }
                div { dt { "last seen" } dd { (time_or_dash(seen("last_seen"))) } }
                @for ((_, name), number) in LAST.iter().zip(last) {
                    div { dt { (name) } dd { (number_or_dash(*number)) } }
                }
            }
            (bar(total, categories))
        }
    })
}

fn count(answer: Answer) -> Option<u64> {
    answer.report().ok()?["data"].as_u64()
}

fn number_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), grouped)
}

/// Draws the shares of the categories as one bar.
fn bar(total: u64, categories: &[Option<u64>]) -> Markup {
    let mut from = 0.0;
    let parts: Vec<(&str, f64, f64)> = CATEGORIES
        .into_iter()
        .zip(categories)
        .map(|(category, number)| {
            let width = BAR * number.unwrap_or_default() as f64 / total.max(1) as f64;
            let part = (category, from, width);
            from += width;
            part
        })
        .collect();
    html! {
        svg.bar viewBox=(format!("0 0 {BAR} 8")) preserveAspectRatio="none" aria-hidden="true" {
            @for (category, from, width) in parts {
                rect.(category_class(category)) x=(format!("{from:.2}")) y="0" width=(format!("{width:.2}")) height="8" {}
            }
        }
    }
}
