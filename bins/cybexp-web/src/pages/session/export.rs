//! A page of a session's story as a file.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::story::list;
use super::{PAGES, report, subject};
use crate::app::App;
use crate::error::WebError;
use crate::file;
use crate::instances::scalar;
use crate::params::Params;
use crate::sign_in::SignedIn;

/// `GET /session/export`
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let subject = subject(&params)?;
    let page = params.number("page", 1, PAGES).unwrap_or(1);
    let form = params.choice("form", &["csv", "json"]);
    let form = form.ok_or_else(|| WebError::Wrong("The address names no export.".to_owned()))?;
    let report = report(&app, &person, &subject, page).await?;
    let bytes = match form {
        "csv" => {
            let steps = list(&report["data"]["steps"]).iter();
            file::csv(
                &[
                    "time", "after_s", "times", "kind", "said", "sub_type", "value", "rest",
                ],
                steps.map(row),
            )
        }
        _ => serde_json::to_vec_pretty(&report).map_err(anyhow::Error::from),
    };
    Ok(file::download("cybexp-session", form, bytes?))
}

fn row(step: &Value) -> [String; 8] {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        other => scalar(other),
    };
    let value = &step["value"];
    [
        &step["timestamp"],
        &step["after"],
        &step["times"],
        &step["kind"],
        &step["said"],
        &value["sub_type"],
        &value["data"],
        &step["rest"],
    ]
    .map(text)
}
