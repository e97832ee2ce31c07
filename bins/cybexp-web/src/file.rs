//! Files that pages hand out.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// Makes the response that is kept as a file of this name and form: `csv`, `json` or `svg`.
pub(crate) fn download(name: &str, form: &str, bytes: Vec<u8>) -> Response {
    let kind = match form {
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/json",
    };
    let name = format!("attachment; filename=\"{name}.{form}\"");
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)];
    (headers, bytes).into_response()
}

/// Writes rows as CSV. A text that a spreadsheet would take for a formula gets a `'` in front (OWASP, "CSV Injection").
pub(crate) fn csv<const N: usize>(
    names: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> anyhow::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(names)?;
    for row in rows {
        out.write_record(row.map(harmless))?;
    }
    Ok(out.into_inner().map_err(|error| error.into_error())?)
}

fn harmless(text: String) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text,
    }
}
