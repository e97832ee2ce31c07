//! ThreatRank scores.

use maud::{Markup, html};
use serde_json::Value;

use super::number::grouped;

/// Shows a score with its bound, and what it means.
pub(crate) fn score(rank: &Value) -> Markup {
    let score = rank["score"].as_f64().unwrap_or_default();
    let bound = rank["error_bound"].as_f64().unwrap_or_default();
    let class = if score <= -0.1 {
        "c-malicious"
    } else {
        "c-unknown"
    };
    html! {
        span.score.(class) { (format!("{score:.4}")) }
        @if bound > 0.0 { " ± " (shown(bound)) }
        ", " (meaning(score, bound))
    }
}

/// Says what a score means. One that may be off by more than itself means nothing, unless it is great.
fn meaning(score: f64, bound: f64) -> &'static str {
    match score {
        ..=-1.0 => "as threatening as malicious events are",
        _ if bound > score.abs().max(0.1) => "but how threatening it is could not be told in time",
        ..=-0.1 => "closely connected with malicious events",
        ..0.0 => "loosely connected with malicious events",
        _ => "not connected with malicious events",
    }
}

fn shown(bound: f64) -> String {
    match bound {
        100.0.. => grouped(bound.round() as u64),
        0.01.. => format!("{bound:.2}"),
        _ => format!("{bound:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_not_searched_is_not_called_harmless() {
        let told = |rank: Value| score(&rank).into_string();
        let exact = told(json!({"score": 0.0, "error_bound": 0.0}));
        assert!(exact.contains("not connected"), "{exact}");
        let open = told(json!({"score": 0.0, "error_bound": 26350.2}));
        assert!(
            open.contains("± 26,350") && open.contains("could not be told"),
            "{open}"
        );
        let near = told(json!({"score": -0.5, "error_bound": 0.0004}));
        assert!(
            near.contains("± 0.0004") && near.contains("closely"),
            "{near}"
        );
        let great = told(json!({"score": -5.0, "error_bound": 9.0}));
        assert!(great.contains("as threatening"), "{great}");
    }
}
