//! Numbers as bars behind their names. No input, no output.

use maud::{Markup, html};

use crate::view::family::Family;
use crate::view::number::grouped;

/// Shows names with their numbers, each before a bar in the colour of the sub_type.
pub(crate) fn bars(sub_type: &str, rows: &[(Markup, u64)]) -> Markup {
    let most = rows.iter().map(|(_, number)| *number).max();
    let most = most.unwrap_or_default().max(1) as f64;
    html! {
        ol.top {
            @for (name, number) in rows {
                li {
                    svg.(Family::of(sub_type).class()) viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                        rect width=(format!("{:.1}", 100.0 * *number as f64 / most)) height="1" {}
                    }
                    (name) span.n { (grouped(*number)) }
                }
            }
        }
    }
}
