//! A ThreatRank with what it comes from.

use maud::{Markup, html};
use serde_json::Value;

use super::number::counted;
use super::score::score;
use super::{text, value};
use crate::instances::scalar;
use crate::subject::Subject;

/// The most contributors that are shown.
const SHOWN: usize = 8;

/// Shows the data of a threatrank report.
pub(crate) fn rank(data: &Value) -> Markup {
    let contributors = data["contributors"].as_array();
    let contributors = contributors.map(Vec::as_slice).unwrap_or_default();
    html! {
        section aria-labelledby="rank" {
            h2 #rank { "ThreatRank" }
            p.rank { (score(data)) }
            p.note {
                @let paths = data["paths"].as_u64().unwrap_or_default();
                "From " (counted(paths, "path", "paths")) " to malicious events. "
                @if data["exact"] == true { "All paths were searched." } @else { "Not all paths were searched: the bound tells how far the score may be off." }
            }
            @if !contributors.is_empty() {
                table {
                    thead { tr { th { "through" } th.n { "share" } th { span.hidden { "share as a bar" } } } }
                    tbody { @for one in contributors.iter().take(SHOWN) { (contributor(one)) } }
                }
            }
        }
    }
}

fn contributor(one: &Value) -> Markup {
    let sub_type = one["sub_type"].as_str().unwrap_or_default();
    let share = one["share"].as_f64().unwrap_or_default().clamp(0.0, 1.0);
    let shown = scalar(&one["data"]);
    html! {
        tr {
            td {
                (value::sub_type(sub_type)) " "
                @match Subject::of_attribute(sub_type, &one["data"]) {
                    Some(subject) => { (value::linked(&subject, &shown)) }
                    None => { (text::line(&shown)) }
                }
            }
            td.n { (format!("{:.0} %", share * 100.0)) }
            td.bar { svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                rect.c-malicious x="0" y="0" width=(format!("{:.1}", share * 100.0)) height="8" {}
            } }
        }
    }
}
