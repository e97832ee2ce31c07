//! The category of an event, changed by admins of the organisation that owns it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use tahoe_core::Hash;

use super::finding::find;
use crate::app::App;
use crate::error::WebError;
use crate::form::PersonForm;
use crate::instances::Composite;
use crate::query::CATEGORIES;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::csrf;

/// How often, and after which pause, the page looks whether the event is changed.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(150);

/// Makes the form, for those who may send it.
pub(super) async fn form(
    person: &SignedIn,
    event: &Composite,
    subject: &Subject,
) -> Result<Markup, WebError> {
    let admin_of = person.client.admin_of().await?;
    if !admin_of.contains(&event.orgid) {
        return Ok(html! {});
    }
    let at = event.at.map(|at| at.to_string()).unwrap_or_default();
    Ok(html! {
        details {
            summary { "Change its category" }
            form.row.verdict action="/event/category" method="post" aria-label="Its category" {
                (csrf(person))
                @for (name, value) in [("id", &event.hash), ("at", &at), ("org", &event.orgid)] {
                    input type="hidden" name=(name) value=(value);
                }
                @match subject {
                    Subject::Value { sub_type, data } => {
                        input type="hidden" name="type" value=(sub_type);
                        input type="hidden" name="data" value=(data);
                    }
                    Subject::Hash(hash) => { input type="hidden" name="hash" value=(hash); }
                }
                label { "It is"
                    select name="category" {
                        @for category in CATEGORIES { option value=(category) selected[category == event.category] { (category) } }
                    }
                }
                label.wide { "because"
                    input name="reason" required maxlength="1000" autocomplete="off" placeholder="a scan that we ordered";
                }
                button type="submit" { "Change" }
            }
            p.note { "Counts, timelines and threat ranks follow at once. Filters do not undo it." }
        }
    })
}

/// `POST /event/category`
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    PersonForm(person, fields): PersonForm,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The form names no event or category.".to_owned());
    let hash = |name: &str| -> Result<String, WebError> {
        let hash: Option<Hash> = fields.get(name).and_then(|hash| hash.parse().ok());
        Ok(hash.ok_or_else(wrong)?.to_string())
    };
    let (id, org) = (hash("id")?, hash("org")?);
    let subject = Subject::read(&fields).ok_or_else(wrong)?;
    let category = fields.choice("category", &CATEGORIES).ok_or_else(wrong)?;
    let reason = fields.get("reason").unwrap_or_default().trim();
    let body = json!({"orgid": org, "_hash": id, "category": category, "reason": reason});
    let _: Value = person.client.post("event/category", &body).await?;
    let at = fields.get("at").unwrap_or_default();
    // it is changed within a moment; if not, a later look shows it
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        let found = find(&app, &person, &id, Some(&subject), at.parse().ok()).await?;
        let event = found.and_then(|found| found.events.into_iter().find(|one| one.hash == id));
        if event.is_some_and(|event| event.category == category) {
            break;
        }
    }
    let to = subject.path_with("/event", &[("id", &id), ("at", at), ("done", "category")]);
    Ok(Redirect::to(&to).into_response())
}
