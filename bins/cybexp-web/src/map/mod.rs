//! A map of the world with a dot for each country, as SVG. No input, no output.

mod country;
mod land;

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::view::number::{counted, grouped};
use crate::view::text;

/// The part of the earth that is shown, from the north: no more than people live in.
const NORTH: f64 = 84.0;
const SOUTH: f64 = -58.0;
/// The radius of the largest and of the smallest dot, in degrees.
const LARGEST: f64 = 9.0;
const SMALLEST: f64 = 1.6;
/// The countries that the text alternative names.
const NAMED: usize = 5;

/// Draws the numbers of events by country, given by their codes, those of most first. Codes that are no country's are
/// not drawn.
pub(crate) fn world(countries: &[(String, u64)], name: &str) -> Markup {
    let most = countries.iter().map(|(_, events)| *events).max();
    let most = most.unwrap_or_default().max(1) as f64;
    let told = told(countries, name);
    html! {
        svg.world role="img" aria-label=(told) viewBox=(format!("-180 {} 360 {}", -NORTH, NORTH - SOUTH)) {
            title { (told) }
            path.land d=(outlines()) {}
            @for (code, events) in countries {
                @if let Some((latitude, longitude)) = country::middle(code) {
                    @let radius = (LARGEST * (*events as f64 / most).sqrt()).max(SMALLEST);
                    circle.dot cx=(longitude) cy=(-latitude) r=(format!("{radius:.1}")) {
                        title { (code) ": " (grouped(*events)) }
                    }
                }
            }
        }
    }
}

/// Says in words what the map shows.
fn told(countries: &[(String, u64)], name: &str) -> String {
    let first = countries.iter().take(NAMED);
    let first =
        first.map(|(code, events)| format!("{} {}", text::plain(code, 8), grouped(*events)));
    let mut told = format!("{name}: {}", first.collect::<Vec<_>>().join(", "));
    let others = countries.len().saturating_sub(NAMED);
    if others > 0 {
        let _ = write!(told, ", and {}", counted(others as u64, "more", "more"));
    }
    told
}

fn outlines() -> String {
    let mut path = String::new();
    for outline in land::LAND {
        for (n, (longitude, latitude)) in outline.iter().enumerate() {
            let letter = if n == 0 { 'M' } else { 'L' };
            // writing to a String never fails
            let _ = write!(path, "{letter}{longitude} {}", -latitude);
        }
        path.push('z');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_dots_by_their_numbers() {
        let countries = [("NL", 100), ("BR", 25), ("<b>", 3)].map(|(code, n)| (code.to_owned(), n));
        let map = world(&countries, "Attackers").into_string();
        assert!(map.contains("cx=\"5\" cy=\"-52\" r=\"9.0\""), "{map}");
        assert!(map.contains("cx=\"-53\" cy=\"11\" r=\"4.5\""), "{map}");
        assert_eq!(map.matches("<circle").count(), 2);
        assert!(map.contains("Attackers: NL 100, BR 25") && !map.contains("<b>"));
        assert!(map.len() < 6000, "{}", map.len());
        assert!(world(&[], "Nobody").into_string().contains("<svg"));
    }
}
