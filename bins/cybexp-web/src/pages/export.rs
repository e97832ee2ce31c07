//! The answer of a value's page as a file: values as CSV, documents as JSON, the graph as SVG.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::expansion::expanded;
use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
use crate::file::{self, download};
use crate::graph::{Graph, standalone};
use crate::instances::{Related, scalar};
use crate::params::Params;
use crate::query::PageQuery;
use crate::sign_in::SignedIn;

/// `GET /value/export`
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The address names no export.".to_owned());
    let query = PageQuery::read(&params).ok_or_else(wrong)?;
    let form = params
        .choice("form", &["csv", "json", "svg"])
        .ok_or_else(wrong)?;
    let asked = question("related", query.documents());
    let report = ask_one(&person.client, asked, app.wait).await?;
    let related = expanded(&app, &person, &query, &report).await?;
    let made = tokio::task::spawn_blocking(move || {
        Ok(match form {
            "csv" => csv(&related)?,
            "svg" => {
                let graph = Graph::new(&query.subject, &related);
                standalone(&graph, "The graph around the value").into_bytes()
            }
            _ => serde_json::to_vec_pretty(&report).map_err(anyhow::Error::from)?,
        })
    });
    let bytes = made
        .await
        .map_err(|error| WebError::Internal(error.into()))?
        .map_err(WebError::Internal)?;
    Ok(download("cybexp-related", form, bytes))
}

/// Writes the values as CSV.
fn csv(related: &Related) -> anyhow::Result<Vec<u8>> {
    let rows = related.seen().into_iter();
    let rows = rows.map(|(one, events, malicious)| {
        let numbers = [events, malicious].map(|number| number.to_string());
        let ([events, malicious], value) = (numbers, scalar(&one.data));
        [one.sub_type.clone(), value, events, malicious]
    });
    file::csv(&["sub_type", "value", "events", "malicious"], rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subject::Subject;

    #[test]
    fn a_spreadsheet_sees_no_formula() {
        let (own, other) = ("1".repeat(64), "2".repeat(64));
        let report = json!({"data": [
            {"itype": "attribute", "sub_type": "ipv4", "data": "203.0.113.9", "_hash": own},
            {"itype": "attribute", "sub_type": "password", "data": "=cmd|' /C calc'!A0,\"x\"", "_hash": other},
            {"itype": "event", "sub_type": "ssh", "category": "malicious", "timestamp": 1.0, "_hash": "3".repeat(64),
             "_ref": [own, other], "_mal_ref": [other], "data": {}},
        ]});
        let related = Related::read(&Subject::Hash(own.clone()), &report);
        let csv = String::from_utf8(csv(&related).unwrap()).unwrap();
        let expected =
            "sub_type,value,events,malicious\npassword,\"'=cmd|' /C calc'!A0,\"\"x\"\"\",1,1\n";
        assert_eq!(csv, expected);
    }
}
