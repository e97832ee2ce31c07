//! Verdicts on values, given and withdrawn by admins of organisations.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use tahoe_core::Hash;

use super::value::GIVEN;
use crate::app::App;
use crate::ask::{Answer, ask, ask_one, question};
use crate::error::WebError;
use crate::form::PersonForm;
use crate::instances::Related;
use crate::sign_in::SignedIn;
use crate::subject::Subject;

/// How often, and after which pause, the page looks whether a verdict is there. The API promises it within a second.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(150);

/// `POST /verdict`: gives or withdraws a verdict, and goes back to the value.
pub(crate) async fn judge(
    State(app): State<Arc<App>>,
    PersonForm(person, fields): PersonForm,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The form names no value, organisation or verdict.".to_owned());
    let subject = Subject::read(&fields).ok_or_else(wrong)?;
    let org: Option<Hash> = fields.get("org").and_then(|hash| hash.parse().ok());
    let org = org.ok_or_else(wrong)?.to_string();
    let (sub_type, data) = value_of(&app, &person, &subject).await?;
    let mut body = json!({"orgid": org, "sub_type": sub_type, "data": data});
    let reason = fields.get("reason").unwrap_or_default().trim();
    if !reason.is_empty() {
        body["reason"] = json!(reason);
    }
    let withdrawn = fields.get("verdict") == Some("withdrawn");
    let path = match withdrawn {
        true => "verdict/withdraw",
        false => {
            let verdict = fields.choice("verdict", &GIVEN.map(|(name, _)| name));
            body["verdict"] = json!(verdict.ok_or_else(wrong)?);
            body["reason"] = json!(reason);
            "verdict"
        }
    };
    let taken = person.client.post(path, &body).await?;
    let since = taken["timestamp"].as_f64().unwrap_or_default();
    settle(&app, &person, &subject, &org, withdrawn, since).await?;
    let done = if withdrawn { "withdrawn" } else { "given" };
    let to = subject.path_with("/value", &[("verdict", done)]);
    Ok(Redirect::to(&to).into_response())
}

/// Returns the sub_type and data of the value. Of a hash, an event tells them.
async fn value_of(
    app: &App,
    person: &SignedIn,
    subject: &Subject,
) -> Result<(String, Value), WebError> {
    if let Subject::Value { sub_type, data } = subject {
        return Ok((sub_type.clone(), json!(data)));
    }
    let mut fields = subject.fields();
    fields.insert("summary".to_owned(), json!(false));
    let report = ask_one(&person.client, question("related", fields), app.wait).await?;
    let about = Related::read(subject, &report).about.pop();
    let about = about.map(|one| (one.sub_type, one.data));
    about.ok_or_else(|| {
        WebError::NotFound("There is no such value, or you may not see its events.".to_owned())
    })
}

/// Waits a moment until answers show the verdict, so that the page that follows does. If they do not yet, a later look
/// will.
async fn settle(
    app: &App,
    person: &SignedIn,
    subject: &Subject,
    org: &str,
    withdrawn: bool,
    since: f64,
) -> Result<(), WebError> {
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        let mut asked = question("count", subject.fields());
        asked["redo"] = json!(true);
        let answer = ask(&person.client, vec![asked], app.wait).await?.pop();
        let Some(Answer::Report(report)) = answer else {
            continue;
        };
        let mut verdicts = report["verdicts"].as_array().into_iter().flatten();
        let own = verdicts.find(|one| one["orgid"] == *org);
        let settled = match own {
            Some(one) => !withdrawn && one["timestamp"].as_f64() >= Some(since),
            None => withdrawn,
        };
        if settled {
            break;
        }
    }
    Ok(())
}
