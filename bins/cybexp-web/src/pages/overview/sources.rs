//! Events that come in, by source.

use cybexp_client::{Client, ClientError};
use maud::{Markup, html};
use serde_json::Value;

use crate::clock::unix_now;
use crate::error::WebError;
use crate::view::number::counted;
use crate::view::text;
use crate::view::time::ago;

/// The most sources that are shown.
const SHOWN: usize = 6;

/// Asks which sources submitted lately, and shows those that did last.
pub(super) async fn sources(client: Client) -> Result<Markup, WebError> {
    let report = match client.get("inputs").await {
        Ok(report) => report,
        // an API of an earlier release
        Err(ClientError::NotTheApi(_)) => return Ok(html! {}),
        Err(error) => return Err(error.into()),
    };
    let sources: Vec<&Value> = report["sources"].as_array().into_iter().flatten().collect();
    let now = unix_now() as f64;
    Ok(html! {
        @if !sources.is_empty() {
            section aria-labelledby="sources" {
                h2 #sources { "What comes in" }
                ul.sources {
                    @for source in sources.iter().take(SHOWN) {
                        @let texts = |field: &str| source[field].as_str().unwrap_or_default();
                        @let records = source["records"].as_u64().unwrap_or_default();
                        li {
                            strong.prose { (text::line(texts("name"))) } " " code { (text::line(texts("typetag"))) }
                            span.note {
                                (counted(records, "record", "records")) ", the last " (ago(now - source["last"].as_f64().unwrap_or(now)))
                            }
                        }
                    }
                }
                p { a.step href="/inputs" { "All sources" } " " a.step href="/watch" { "Live" } }
            }
        }
    })
}
