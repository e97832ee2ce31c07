//! The answer of a value's page as a file: values as CSV, documents as JSON, the graph as SVG.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
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
    let made = tokio::task::spawn_blocking(move || {
        let related = Related::read(&query.subject, &report);
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
    let kind = match form {
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/json",
    };
    let name = format!("attachment; filename=\"cybexp-related.{form}\"");
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}

/// Writes the values as CSV. A text that a spreadsheet would take for a formula gets a `'` in front (OWASP, "CSV
/// Injection").
fn csv(related: &Related) -> anyhow::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["sub_type", "value", "events", "malicious"])?;
    for (one, events, malicious) in related.seen() {
        let numbers = [events.to_string(), malicious.to_string()];
        let texts = [&one.sub_type, &scalar(&one.data)].map(|text| harmless(text));
        out.write_record(texts.iter().chain(&numbers))?;
    }
    Ok(out.into_inner().map_err(|error| error.into_error())?)
}

fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
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
