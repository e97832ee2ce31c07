//! ThreatRank scores.

use maud::{Markup, html};
use serde_json::Value;

/// Shows a score with its bound, and what it means.
pub(crate) fn score(rank: &Value) -> Markup {
    let score = rank["score"].as_f64().unwrap_or_default();
    let bound = rank["error_bound"].as_f64().unwrap_or_default();
    let word = match score {
        ..=-1.0 => "as threatening as malicious events are",
        ..=-0.1 => "closely connected with malicious events",
        ..0.0 => "loosely connected with malicious events",
        _ => "not connected with malicious events",
    };
    let class = if score <= -0.1 {
        "c-malicious"
    } else {
        "c-unknown"
    };
    html! {
        span.score.(class) { (format!("{score:.4}")) }
        @if bound > 0.0 { " ± " (format!("{bound:.2}")) }
        ", " (word)
    }
}
