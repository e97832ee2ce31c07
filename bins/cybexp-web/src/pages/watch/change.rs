//! Making and ending subscriptions.

use axum::response::{IntoResponse, Redirect, Response};
use cybexp_client::ClientError;
use serde_json::{Value, json};

use super::PATH;
use super::form::CHANNELS;
use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::query::CATEGORIES;
use crate::subject::Subject;

/// `POST /watch`: makes or ends a subscription, or has notices delivered again.
pub(crate) async fn change(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let client = &person.client;
    let answer = match fields.get("what") {
        Some("remove") => {
            let id = fields.get("id").unwrap_or_default();
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(WebError::Wrong(
                    "The form names no subscription.".to_owned(),
                ));
            }
            client.delete(&format!("subscriptions/{id}")).await
        }
        Some("retry") => client.post("subscriptions/retry", &json!({})).await,
        _ => {
            let (field, wanted) = wanted(&fields)?;
            let mut request = asked(&fields);
            request[field] = wanted;
            client.post("subscriptions", &request).await
        }
    };
    let answer = answer.map_err(|error| match error {
        ClientError::NotTheApi(_) => WebError::Wrong("The API keeps no subscriptions.".to_owned()),
        error => error.into(),
    })?;
    let done = answer["message"].as_str().unwrap_or_default();
    let to = match (fields.get("back"), Subject::read(&fields)) {
        (Some("value"), Some(subject)) => subject.path_with("/value", &[("watch", "begun")]),
        _ => link(PATH, &[("done", done)]),
    };
    Ok(Redirect::to(&to).into_response())
}

/// Returns the field of the request that says what is watched, with its content.
fn wanted(fields: &Params) -> Result<(&'static str, Value), WebError> {
    let texts = |name: &str| fields.get(name).map(str::trim).filter(|it| !it.is_empty());
    match fields.get("what") {
        Some("value") => {
            let data = texts("data");
            let data = data.ok_or_else(|| WebError::Wrong("There is no value.".to_owned()))?;
            let guessed = Subject::guess(data);
            let sub_type = texts("type").or(guessed.sub_type()).unwrap_or_default();
            Ok(("value", json!({"sub_type": sub_type, "data": data})))
        }
        Some("feed") => Ok(("feed", json!(texts("feed").unwrap_or_default()))),
        Some("events") => {
            let category = fields.choice("category", &CATEGORIES);
            let events = [
                ("sub_type", texts("sub_type")),
                ("category", category),
                ("sensor", texts("sensor")),
            ];
            let events = events
                .into_iter()
                .filter_map(|(name, it)| Some((name, it?)));
            let events: serde_json::Map<String, Value> = events
                .map(|(name, it)| (name.to_owned(), json!(it)))
                .collect();
            Ok(("events", Value::Object(events)))
        }
        _ => Err(WebError::Wrong("The form names no change.".to_owned())),
    }
}

/// Returns the other fields of the request.
fn asked(fields: &Params) -> Value {
    let channel = fields.choice("channel", &CHANNELS.map(|(name, _)| name));
    let mut request = json!({"channel": channel.unwrap_or("page")});
    let url = fields.get("url").filter(|_| channel == Some("webhook"));
    for (name, text) in [
        ("url", url),
        ("tlp", fields.get("tlp")),
        ("name", fields.get("name")),
    ] {
        if let Some(text) = text {
            request[name] = json!(text.trim());
        }
    }
    request
}
