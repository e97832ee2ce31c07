//! The values that begin with a text: the addresses of a network, the hosts below a domain.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
use crate::instances::scalar;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::page;
use crate::view::number::counted;
use crate::view::time::time_or_dash;
use crate::view::{text, value};

/// The values of a page.
const LIMIT: u32 = 100;

/// Returns the page of a text that stands for many values: a network in CIDR notation, or `*.` and a domain.
pub(super) fn place(text: &str) -> Option<String> {
    let of =
        |sub_type: &str, text: &str| Some(link("/list", &[("type", sub_type), ("text", text)]));
    let plain = text.trim().replace("[.]", ".");
    if let Some(domain) = plain.strip_prefix("*.") {
        return of("hostname", domain);
    }
    match Subject::guess(&plain).sub_type() {
        Some("cidr") => of("ip", &plain),
        _ => None,
    }
}

/// `GET /list`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The address of the page names no values.".to_owned());
    let sub_type = params.get("type").ok_or_else(wrong)?;
    let typed = params.get("text").unwrap_or_default();
    let mut fields = Map::new();
    fields.insert("sub_type".to_owned(), json!(sub_type));
    fields.insert("text".to_owned(), json!(typed));
    fields.insert("limit".to_owned(), json!(LIMIT));
    if let Some(after) = params.get("after") {
        fields.insert("after".to_owned(), json!(after));
    }
    let report = ask_one(&person.client, question("search", fields), app.wait).await?;
    let body = html! {
        h1.subject { (value::sub_type(sub_type)) " " (text::block(typed)) }
        (table(sub_type, &report))
        @if report["incomplete"] == true { p.note { "The archive's list of values is being made: some may be missing." } }
        @if report["more"] == true {
            @let after = report["after"].as_str().unwrap_or_default();
            nav.paging aria-label="Pages" {
                a.step rel="next" href=(link("/list", &[("type", sub_type), ("text", typed), ("after", after)])) { "further →" }
            }
        }
        @if Subject::guess(typed).sub_type() == Some("cidr") || sub_type == "hostname" {
            @let whole = if sub_type == "hostname" { "domain" } else { "cidr" };
            @let subject = Subject::Value { sub_type: whole.to_owned(), data: typed.to_owned() };
            p { a.step href=(subject.path("/value")) { "What is known of the " (if whole == "cidr" { "network" } else { "domain" }) " itself" } }
        }
    };
    Ok(page(&person, "Values", &body).into_response())
}

fn table(sub_type: &str, report: &Value) -> Markup {
    let values = report["data"].as_array().map(Vec::as_slice);
    let values = values.unwrap_or_default();
    html! {
        @if values.is_empty() {
            p { "None that you may see" @if report["more"] == true { " on this page" } "." }
        } @else {
            p.note { (counted(values.len() as u64, "value", "values")) " on this page, in their order." }
            div.scroll tabindex="0" role="region" aria-label="Values" {
                table {
                    thead { tr { th { "value" } th { "first seen" } } }
                    tbody {
                        @for one in values {
                            @let name = one["sub_type"].as_str().unwrap_or(sub_type);
                            tr {
                                td {
                                    @match Subject::of_attribute(name, &one["data"]) {
                                        Some(subject) => { (value::linked(&subject, &scalar(&one["data"]))) }
                                        None => { (text::line(&scalar(&one["data"]))) }
                                    }
                                }
                                td { (time_or_dash(one["first_seen"].as_f64())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_domains_stand_for_many() {
        let page = |text| place(text).unwrap_or_default();
        assert_eq!(
            page("203.0.113.0/24"),
            "/list?type=ip&text=203.0.113.0%2F24"
        );
        assert_eq!(
            page(" *.evil[.]example "),
            "/list?type=hostname&text=evil.example"
        );
        for one in ["203.0.113.9", "evil.example", "rm -rf /24", ""] {
            assert_eq!(place(one), None, "{one}");
        }
    }
}
