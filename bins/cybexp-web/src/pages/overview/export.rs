//! The lists of the overview as a file.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::last;
use super::tops::{TOPS, asked};
use crate::app::App;
use crate::ask::{Answer, ask};
use crate::error::WebError;
use crate::file;
use crate::instances::scalar;
use crate::params::Params;
use crate::sign_in::SignedIn;

/// The most values of each list.
const ROWS: u32 = 100;

/// `GET /overview/export`
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let form = params.choice("form", &["csv", "json"]);
    let form = form.ok_or_else(|| WebError::Wrong("The address names no export.".to_owned()))?;
    let last = last(&params);
    let questions = TOPS.iter().map(|top| asked(top, last, ROWS));
    let answers = ask(&person.client, questions.collect(), app.wait).await?;
    let mut lists: Vec<(&str, Value)> = Vec::new();
    for (top, answer) in TOPS.iter().zip(answers) {
        let values = match answer {
            Answer::Report(mut report) => report["data"].take(),
            // a sub_type that no event has yet
            Answer::Refused(_) => json!([]),
            Answer::NotReady => return Err(WebError::NotReady),
        };
        lists.push((top.name, values));
    }
    let bytes = match form {
        "csv" => {
            let rows = lists.iter().flat_map(|(name, values)| {
                let values = values.as_array().into_iter().flatten();
                values.map(move |one| {
                    let of = |field: &str| scalar(&one[field]);
                    let sub_type = one["sub_type"].as_str().unwrap_or_default();
                    [
                        (*name).to_owned(),
                        sub_type.to_owned(),
                        of("data"),
                        of("count"),
                    ]
                })
            });
            file::csv(&["list", "sub_type", "value", "events"], rows)
        }
        _ => {
            let all: serde_json::Map<String, Value> = lists
                .into_iter()
                .map(|(name, values)| (name.to_owned(), values))
                .collect();
            serde_json::to_vec_pretty(&json!(all)).map_err(anyhow::Error::from)
        }
    };
    Ok(file::download("cybexp-overview", form, bytes?))
}
